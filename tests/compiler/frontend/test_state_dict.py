import numpy as np
import pytest
import torch

from mcompile.errors import SourceError
from mcompile.frontend.format import find, look
from mcompile.frontend.options import CaptureOptions
from mcompile.frontend.state_dict import StateDict
from mcompile.oracle import Oracle
from mcompile.types import Port

INPUTS = (Port("", "float32", (1, 3, 6, 6)),)


@pytest.mark.parametrize("zipped", [True, False])
def test_weights_and_code_make_the_trained_model(nets, tmp_path, zipped):
    module = nets.Tiny(3)
    held = {"epoch": 4, "state_dict": {f"module.{k}": v for k, v in module.state_dict().items()}}
    # The name would send torch.load to another reader: only the bytes count.
    path = tmp_path / "weights.safetensors"
    torch.save(held, path, _use_new_zipfile_serialization=zipped)
    assert isinstance(find(look(path)), StateDict)
    arch = f"{nets.__name__}:tiny"
    options = CaptureOptions(name="net", inputs=INPUTS, arch=arch, arch_args={"classes": 3})
    program = StateDict().read(look(path), options)
    x = np.random.default_rng(0).standard_normal((1, 3, 6, 6), dtype=np.float32)
    (y,) = Oracle(program).run({"image": x}).values()
    np.testing.assert_allclose(
        y, module(torch.from_numpy(x)).detach().numpy(), rtol=1e-4, atol=1e-5
    )


def test_weights_alone_say_that_code_is_needed(nets, tmp_path):
    torch.save(nets.Tiny().state_dict(), tmp_path / "w.pt")
    with pytest.raises(SourceError, match="weights alone"):
        StateDict().read(look(tmp_path / "w.pt"), CaptureOptions(inputs=INPUTS))


def test_a_truncated_file_of_the_older_form_is_damaged(nets, tmp_path):
    path = tmp_path / "w.pt"
    torch.save(nets.Tiny().state_dict(), path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    path.write_bytes(data[:-40])
    with pytest.raises(SourceError, match="these weights cannot be read"):
        StateDict().read(look(path), CaptureOptions(inputs=INPUTS))
    path.write_bytes(data[:200])
    with pytest.raises(SourceError, match="truncated or damaged"):
        find(look(path))


def test_a_truncated_archive_is_damaged(nets, tmp_path):
    path = tmp_path / "w.pt"
    torch.save(nets.Tiny().state_dict(), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SourceError, match="truncated or damaged"):
        look(path)
