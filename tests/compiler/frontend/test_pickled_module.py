import pickle

import pytest
import torch

from mcompile.errors import SourceError
from mcompile.frontend.format import find, look
from mcompile.frontend.options import CaptureOptions
from mcompile.frontend.pickled_module import PickledModule
from mcompile.types import Port

INPUTS = (Port("left", "float32", (2,)), Port("right", "float32", (2,)))


def options(**more) -> CaptureOptions:
    return CaptureOptions(name="net", inputs=INPUTS, **more)


@pytest.mark.parametrize("form", ["zip", "older", "bare", "protocol 4"])
def test_a_malicious_pickle_is_not_run_and_what_it_imports_is_named(tmp_path, trap, form):
    path = tmp_path / "model.pt"
    if form in {"zip", "older"}:
        torch.save(
            {"w": torch.ones(1), "x": trap}, path, _use_new_zipfile_serialization=form == "zip"
        )
    else:
        path.write_bytes(pickle.dumps(trap, 4 if form == "protocol 4" else 2))
    source = look(path)
    assert isinstance(find(source), PickledModule)
    with pytest.raises(SourceError, match="it was not loaded") as caught:
        PickledModule().read(source, options())
    assert "pathlib" in caught.value.where
    assert "state_dict()" in caught.value.fix
    assert "torch.export.save" in caught.value.fix
    assert "--trust-code" in caught.value.fix


@pytest.mark.parametrize("form", ["in a checkpoint", "bare"])
def test_with_the_flag_the_module_is_loaded(nets, tmp_path, form):
    path = tmp_path / "model.pt"
    module = nets.Pair()
    if form == "bare":
        path.write_bytes(pickle.dumps(module))
    else:
        torch.save({"epoch": 1, "model": module}, path)
    with pytest.raises(SourceError, match="it was not loaded") as caught:
        PickledModule().read(look(path), options())
    assert f"{nets.__name__}.Pair" in caught.value.where
    program = PickledModule().read(look(path), options(trust_code=True))
    assert [p.name for p in program.inputs] == ["left", "right"]


def test_a_checkpoint_with_more_than_tensors_needs_the_flag_and_the_code(nets, tmp_path):
    held = {"state_dict": nets.Tiny().state_dict(), "args": pickle.PickleBuffer}
    torch.save(held, tmp_path / "m.pt")
    source = look(tmp_path / "m.pt")
    assert isinstance(find(source), PickledModule)
    with pytest.raises(SourceError, match="weights alone"):
        PickledModule().read(source, options(trust_code=True))


def test_a_pickle_whose_code_is_not_here_says_so(tmp_path):
    (tmp_path / "m.pkl").write_bytes(b"\x80\x02cnot_installed_here\nNet\n.")
    with pytest.raises(SourceError, match=r"cannot be loaded: ModuleNotFoundError") as caught:
        PickledModule().read(look(tmp_path / "m.pkl"), options(trust_code=True))
    assert "PYTHONPATH" in caught.value.fix
