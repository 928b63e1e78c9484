"""An `.npz` of stacked arrays is a stream of samples with labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mcompile.errors import SamplesError
from mcompile.samples import open_samples
from mcompile.samples.npz_file import NpzFile
from mcompile.types import Port

IMAGE = Port("image", "float32", (1, 3, 4, 4))
MASK = Port("mask", "int64", ("batch", 4))


def test_inputs_and_labels_come_side_by_side_and_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(20, 3, 4, 4))
    mask = rng.integers(0, 2, (20, 4), dtype=np.int32)
    np.savez(tmp_path / "a.npz", image=image, mask=mask, labels=np.arange(20))
    samples = open_samples(tmp_path / "a.npz", [IMAGE, MASK])
    assert samples.count == 20
    for _ in range(2):
        found = list(samples)
        assert len(found) == 20
        assert found[7].name == "row 7"
        assert found[7].label is not None
        assert found[7].label.tolist() == [7]
        np.testing.assert_array_equal(found[7].feeds["image"], image[7:8].astype(np.float32))
        np.testing.assert_array_equal(found[7].feeds["mask"], mask[7:8])


def test_the_content_tells_and_not_the_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=np.zeros((2, 3, 4, 4)))
    (tmp_path / "a.npz").rename(tmp_path / "calibration")
    (tmp_path / "b.npz").write_bytes(b"not a zip")
    assert NpzFile.takes(tmp_path / "calibration")
    assert not NpzFile.takes(tmp_path / "b.npz")
    assert not NpzFile.takes(tmp_path)
    assert open_samples(tmp_path / "calibration", [IMAGE]).count == 2


def test_names_ranks_and_lengths_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    wrong = [
        ({"imgae": np.zeros((2, 3, 4, 4))}, "no input 'imgae'"),
        ({"labels": np.zeros(2)}, "no data for the input 'image'"),
        ({"image": np.zeros((3, 4, 4))}, "takes arrays of Nx3x4x4, not 3x4x4"),
        ({"image": np.zeros((2, 3, 4, 4)), "labels": np.zeros(3)}, "3 labels for 2 samples"),
    ]
    for arrays, what in wrong:
        np.savez(path, **arrays)
        with pytest.raises(SamplesError, match=what) as caught:
            open_samples(path, [IMAGE])
        assert caught.value.where == str(path)


def test_inputs_of_different_length_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=np.zeros((2, 3, 4, 4)), mask=np.zeros((3, 4), np.int64))
    with pytest.raises(SamplesError, match="2 of image, 3 of mask"):
        open_samples(tmp_path / "a.npz", [IMAGE, MASK])


def test_one_bad_row_is_named(tmp_path: Path) -> None:
    image = np.zeros((9, 3, 4, 4), np.float32)
    image[5, 0, 0, 0] = np.nan
    np.savez(tmp_path / "a.npz", image=image)
    with pytest.raises(SamplesError, match="image holds NaN") as caught:
        list(open_samples(tmp_path / "a.npz", [IMAGE]))
    assert caught.value.where.endswith("a.npz, row 5")
