import pytest
from safetensors.torch import save_file

from mcompile.errors import SourceError
from mcompile.frontend.format import find, look
from mcompile.frontend.options import CaptureOptions
from mcompile.frontend.safetensors import Safetensors
from mcompile.types import Port


@pytest.fixture
def saved(nets, tmp_path):
    save_file(nets.Tiny().state_dict(), tmp_path / "weights.pt")
    return tmp_path / "weights.pt"


def test_weights_and_code_make_a_program(saved, nets):
    assert isinstance(find(look(saved)), Safetensors)
    inputs = (Port("", "float32", (1, 3, 6, 6)),)
    options = CaptureOptions(name="net", inputs=inputs, arch=f"{nets.__name__}:Tiny")
    assert Safetensors().read(look(saved), options).outputs[0].shape == (1, 2)


def test_weights_alone_say_that_code_is_needed(saved):
    with pytest.raises(SourceError, match="weights alone"):
        Safetensors().read(look(saved), CaptureOptions())


@pytest.mark.parametrize("size", [-10, 40])
def test_a_truncated_file_is_damaged(saved, size):
    saved.write_bytes(saved.read_bytes()[:size])
    assert isinstance(find(look(saved)), Safetensors)
    with pytest.raises(SourceError, match="these weights cannot be read"):
        Safetensors().read(look(saved), CaptureOptions())
