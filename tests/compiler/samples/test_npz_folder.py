"""A folder of `.npz` is read file by file, single samples and batches alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mcompile.errors import SamplesError
from mcompile.samples import open_samples
from mcompile.types import Port

X = Port("x", "float32", (1, 2))


def test_batches_follow_each_other_in_the_order_of_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "b.npz", x=np.full((2, 2), 3.0), labels=np.array([3, 4]))
    np.savez(tmp_path / "a.npz", x=np.full((3, 2), 1.0), labels=np.array([0, 1, 2]))
    found = list(open_samples(tmp_path, [X]))
    assert [s.label.tolist() for s in found if s.label is not None] == [[0], [1], [2], [3], [4]]
    assert found[3].name == "b.npz, row 0"


def test_single_samples_need_no_batch_axis(tmp_path: Path) -> None:
    for number in range(3):
        np.savez(tmp_path / f"{number}.npz", x=np.full(2, number, np.float32), labels=number)
    found = list(open_samples(tmp_path, [X]))
    assert [s.feeds["x"].tolist() for s in found] == [[[0, 0]], [[1, 1]], [[2, 2]]]
    assert [s.label.tolist() for s in found if s.label is not None] == [[0], [1], [2]]
    assert [s.name for s in found] == ["0.npz", "1.npz", "2.npz"]


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 2)))
    (tmp_path / "b.npz").write_bytes(b"junk")
    with pytest.raises(SamplesError, match=r"a damaged \.npz") as caught:
        list(open_samples(tmp_path, [X]))
    assert caught.value.where == str(tmp_path / "b.npz")


def test_a_file_without_the_input_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", y=np.zeros((2, 2)))
    with pytest.raises(SamplesError, match="no input 'y'") as caught:
        list(open_samples(tmp_path, [X]))
    assert caught.value.where == str(tmp_path / "a.npz")
