import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from mcompile.errors import SourceError
from mcompile.frontend.format import find, look
from mcompile.frontend.options import CaptureOptions
from mcompile.frontend.torch_script import TorchScript
from mcompile.oracle import Oracle
from mcompile.types import Port


def saved(module, path: Path) -> Path:
    torch.jit.save(module, path)
    return path


def options(*inputs: Port, **more) -> CaptureOptions:
    return CaptureOptions(name="net", inputs=inputs, **more)


def test_a_traced_module_computes_the_same(nets, tmp_path, capfd):
    traced = torch.jit.trace(nets.Tiny(), torch.ones(2, 3, 8, 8))
    source = look(saved(traced, tmp_path / "net.bin"))
    assert isinstance(find(source), TorchScript)
    capfd.readouterr()
    program = TorchScript().read(source, options(Port("", "float32", ("N", 3, 8, 8))))
    assert program.inputs == (Port("image", "float32", ("N", 3, 8, 8)),)
    assert [p.name for p in program.outputs] == ["output"]
    x = np.random.default_rng(0).standard_normal((5, 3, 8, 8), dtype=np.float32)
    y = Oracle(program).run({"image": x})["output"]
    np.testing.assert_allclose(
        y, traced(torch.from_numpy(x)).detach().numpy(), rtol=1e-4, atol=1e-5
    )
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""


def test_a_scripted_branch_stays_a_branch(nets, tmp_path):
    path = saved(torch.jit.script(nets.Branching()), tmp_path / "net.pt")
    program = TorchScript().read(look(path), options(Port("v", "float32", (2,))))
    run = Oracle(program).run
    (up,) = run({"v": np.array([1, 1], np.float32)}).values()
    (down,) = run({"v": np.array([-1, -1], np.float32)}).values()
    assert (up.tolist(), down.tolist()) == ([2, 2], [-2, -2])


def test_code_that_writes_files_is_not_loaded(nets, tmp_path):
    path = saved(torch.jit.script(nets.Pair()), tmp_path / "net.pt")
    target = tmp_path / "written"
    call = f'_9 = torch.from_file("{target}", True, 16)\n    return '
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "evil.pt", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith(".py"):
                data = data.replace(b"return ", call.encode())
            new.writestr(name, data)
    with pytest.raises(SourceError, match="reaches beyond arithmetic") as caught:
        TorchScript().read(look(tmp_path / "evil.pt"), options(Port("", "float32", (2,))))
    assert "from_file" in caught.value.where
    assert "--trust-code" in caught.value.fix
    assert not target.exists()


def test_the_shape_of_the_input_must_be_known(nets, tmp_path):
    path = saved(torch.jit.script(nets.Pair()), tmp_path / "net.pt")
    with pytest.raises(SourceError, match="the shape of the input is not known"):
        TorchScript().read(look(path), options())


def test_an_export_that_fails_is_a_source_error(nets, tmp_path):
    path = saved(torch.jit.script(nets.Pair()), tmp_path / "net.pt")
    with pytest.raises(SourceError, match="PyTorch cannot export this model"):
        TorchScript().read(look(path), options(Port("", "float32", (2,))))


def test_damaged_code_is_a_source_error(nets, tmp_path):
    path = saved(torch.jit.script(nets.Pair()), tmp_path / "net.pt")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "bad.pt", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, b"class (" if name.endswith(".py") else data)
    with pytest.raises(SourceError, match="this TorchScript cannot be loaded"):
        TorchScript().read(look(tmp_path / "bad.pt"), options(Port("", "float32", (2,))))
