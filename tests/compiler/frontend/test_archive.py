import io
import zipfile
from pathlib import Path

import pytest
import torch

from mcompile.errors import SourceError
from mcompile.frontend.archive import as_torch_reads, as_zip_reads, imports, saved_imports


def saved(path: Path, value: object) -> Path:
    torch.save(value, path)
    return path


def test_both_readers_see_the_members(tmp_path):
    path = saved(tmp_path / "w.pt", {"w": torch.ones(2)})
    torch_view, zip_view = as_torch_reads(path, "w"), as_zip_reads(path, "w")
    assert torch_view["data.pkl"] == zip_view["w/data.pkl"]
    assert len(torch_view) == len(zip_view)


def test_an_archive_in_memory_is_scanned_too(tmp_path, trap):
    assert saved_imports(saved(tmp_path / "a.pt", [torch.ones(1)]).read_bytes(), "a") == []
    assert saved_imports(saved(tmp_path / "b.pt", [trap]).read_bytes(), "b")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("twin", ["m/data.pkl", "m/DATA.pkl"])
def test_two_members_of_one_name_are_refused(tmp_path, twin):
    path = tmp_path / "m.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", b"\x80\x02N.")
        archive.writestr(twin, b"\x80\x02N.")
        archive.writestr("m/version", "3")
    for read in (as_torch_reads, as_zip_reads):
        with pytest.raises(SourceError, match="bear one name"):
            read(path, "m.pt")


def test_a_missing_member_is_damage(tmp_path):
    path = saved(tmp_path / "w.pt", 1)
    with pytest.raises(SourceError, match="truncated or damaged") as caught:
        as_torch_reads(path, "w.pt")["absent"]
    assert "no absent in it" in caught.value.where


def test_what_is_no_archive_is_damage():
    with pytest.raises(SourceError, match="truncated or damaged"):
        as_torch_reads(b"PK\x03\x04" + bytes(50), "m.pt")


def test_a_cut_pickle_is_damage():
    with pytest.raises(SourceError, match="truncated or damaged"):
        imports(io.BytesIO(b"\x80\x02}"), "m.pt")
