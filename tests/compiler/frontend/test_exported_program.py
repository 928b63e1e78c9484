import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from mcompile.errors import SourceError
from mcompile.frontend.exported_program import ExportedProgram
from mcompile.frontend.format import find, look
from mcompile.frontend.options import CaptureOptions
from mcompile.oracle import Oracle
from mcompile.types import Port


@pytest.fixture
def saved(nets, tmp_path) -> Path:
    free = {0: torch.export.Dim("batch", min=1, max=64)}
    exported = torch.export.export(nets.Tiny(), (torch.ones(2, 3, 8, 8),), dynamic_shapes=(free,))
    torch.export.save(exported, tmp_path / "net.pt2")
    return tmp_path / "net.pt2"


def rewritten(path: Path, member: str, change) -> Path:
    """The archive with one member changed; None for a member that is added."""
    out = path.parent / "other.pt2"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, change(data) if name.endswith(member) else data)
        if not any(n.endswith(member) for n in old.namelist()):
            new.writestr(f"{old.namelist()[0].split('/')[0]}/{member}", change(None))
    return out


def test_an_exported_program_computes_the_same(saved):
    plain = saved.rename(saved.with_suffix(".bin"))
    source = look(plain)
    assert isinstance(find(source), ExportedProgram)
    program = ExportedProgram().read(source, CaptureOptions(name="net"))
    assert program.inputs[0].name == "image"
    assert isinstance(program.inputs[0].shape[0], str)
    x = np.random.default_rng(0).standard_normal((3, 3, 8, 8), dtype=np.float32)
    (y,) = Oracle(program).run({"image": x}).values()
    expected = torch.export.load(str(plain)).module()(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


def test_inputs_fix_and_name_what_the_program_left_free(saved):
    named = CaptureOptions(name="net", inputs=(Port("pixels", "float32", (1, 3, 8, 8)),))
    program = ExportedProgram().read(look(saved), named)
    assert program.inputs == (Port("pixels", "float32", (1, 3, 8, 8)),)


def test_text_that_would_be_evaluated_is_refused(saved, trap):
    text = f"__import__('pathlib').Path({str(trap.path)!r}).touch()".encode()
    member, was = "models/model.json", b"Symbol('"

    def change(data):
        start = data.index(was)
        return data[:start] + text + data[data.index(b'"', start) :]

    path = rewritten(saved, member, change)
    with pytest.raises(SourceError, match="more than a graph and its weights") as caught:
        ExportedProgram().read(look(path), CaptureOptions(name="net"))
    assert "expr_str" in caught.value.where
    assert "--trust-code" in caught.value.fix


def test_a_pickle_among_the_sample_inputs_is_not_run(saved, trap, tmp_path):
    torch.save(trap, tmp_path / "trap.pt")
    evil = (tmp_path / "trap.pt").read_bytes()
    path = rewritten(saved, "sample_inputs/model.pt", lambda _: evil)
    with pytest.raises(SourceError, match="it was not loaded"):
        ExportedProgram().read(look(path), CaptureOptions(name="net"))


def test_compiled_code_is_not_opened(saved):
    path = rewritten(saved, "data/aotinductor/model/net.so", lambda _: b"\x7fELF")
    with pytest.raises(SourceError, match="it was not loaded") as caught:
        ExportedProgram().read(look(path), CaptureOptions(name="net"))
    assert "compiled code" in caught.value.where


def test_the_flag_skips_the_scan_and_damage_is_still_an_error(saved):
    path = rewritten(saved, "models/model.json", lambda data: data[:100])
    with pytest.raises(SourceError, match="it was not loaded"):
        ExportedProgram().read(look(path), CaptureOptions(name="net"))
    with pytest.raises(SourceError, match="this exported program cannot be loaded"):
        ExportedProgram().read(look(path), CaptureOptions(name="net", trust_code=True))


@pytest.mark.parametrize("cut", [1, 200, 4000])
def test_a_truncated_file_is_damaged(saved, cut):
    saved.write_bytes(saved.read_bytes()[:-cut])
    with pytest.raises(SourceError, match="truncated or damaged"):
        look(saved)


def test_the_layout_of_older_releases_is_recognized_and_scanned(tmp_path):
    with zipfile.ZipFile(tmp_path / "old.pt2", "w") as archive:
        archive.writestr("version", "8.8")
        archive.writestr("serialized_exported_program.json", '{"target": "torch.os.system"}')
    source = look(tmp_path / "old.pt2")
    assert isinstance(find(source), ExportedProgram)
    with pytest.raises(SourceError, match="it was not loaded") as caught:
        ExportedProgram().read(source, CaptureOptions(name="net"))
    assert "torch.os.system" in caught.value.where
