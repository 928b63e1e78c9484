"""An archive is read header first and row by row, whatever its layout, and damage is seen."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcompile.errors import SamplesError
from mcompile.samples.archive import Archive
from mcompile.samples.source import Wanted
from mcompile.types import Array, Port

WANTED = Wanted((Port("x", "float32", (1, 4)),))


def saved(path: Path, compressed: bool = False, **arrays: Any) -> Path:
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return path


def rows(archive: Archive, *counts: int) -> list[Array]:
    with archive.readers() as readers:
        return [readers["x"](count) for count in counts]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_come_in_order(tmp_path: Path, compressed: bool, order: Any) -> None:
    data = np.arange(84, dtype=">i4").reshape(7, 4, 3)
    path = saved(tmp_path / "a.npz", compressed, x=np.asarray(data, order=order))
    archive = Archive(path, WANTED)
    assert archive.headers["x"].shape == (7, 4, 3)
    for _ in range(2):
        found = rows(archive, 2, 4, 1)
        assert [len(f) for f in found] == [2, 4, 1]
        np.testing.assert_array_equal(np.concatenate(found), data)
    np.testing.assert_array_equal(archive.whole()["x"], data)


def test_only_the_rows_asked_for_are_in_memory(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", True, x=np.zeros((64, 1 << 18), np.float32))
    tracemalloc.start()
    rows(Archive(path, WANTED), 1, 1, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_an_array_saved_without_a_name_is_the_only_inputs(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", np.zeros((2, 4)))
    assert set(Archive(tmp_path / "a.npz", WANTED).headers) == {"x"}


def test_a_pickle_inside_is_refused_and_not_run(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", x=np.array([print, 1], dtype=object))
    with pytest.raises(SamplesError, match="x holds Python objects") as caught:
        Archive(path, WANTED)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("keep", [4, 100, -20])
def test_a_truncated_file_is_damaged(tmp_path: Path, keep: int) -> None:
    path = saved(tmp_path / "a.npz", x=np.zeros((50, 4)))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SamplesError, match=r"a damaged \.npz") as caught:
        Archive(path, WANTED)
    assert caught.value.where == str(path)


def test_flipped_bits_are_seen_while_reading(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", x=np.zeros((50, 4)))
    data = bytearray(path.read_bytes())
    data[600] ^= 255
    path.write_bytes(data)
    with pytest.raises(SamplesError, match=r"a damaged \.npz"):
        rows(Archive(path, WANTED), 50)


def test_a_header_that_promises_too_much_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    member = io.BytesIO()
    told = {"shape": (5000, 4), "fortran_order": False, "descr": "<f8"}
    np.lib.format.write_array_header_1_0(member, told)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", member.getvalue() + bytes(50 * 4 * 8))
    assert len(rows(Archive(path, WANTED), 50)[0]) == 50
    with pytest.raises(SamplesError, match="x ends early"):
        rows(Archive(path, WANTED), 5000)


def test_a_member_that_is_no_array_is_damaged(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", b"hello")
    with pytest.raises(SamplesError, match=r"a damaged \.npz"):
        Archive(tmp_path / "a.npz", WANTED)


def test_a_number_without_an_axis_cannot_be_read_by_rows(tmp_path: Path) -> None:
    archive = Archive(saved(tmp_path / "a.npz", x=np.float32(3)), WANTED)
    with pytest.raises(SamplesError, match="no first axis"):
        rows(archive, 1)
    assert archive.whole()["x"] == 3
