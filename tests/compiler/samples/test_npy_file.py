"""An `.npy` is a stack of samples for a model of one input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mcompile.errors import SamplesError
from mcompile.samples import open_samples
from mcompile.types import Port

X = Port("x", "float32", (1, 5))


def test_rows_are_samples(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    np.save(tmp_path / "a.npy", data)
    samples = open_samples(tmp_path / "a.npy", [X])
    assert samples.count == 6
    np.testing.assert_array_equal(np.concatenate([s.feeds["x"] for s in samples]), data)
    assert all(s.label is None for s in samples)


def test_a_model_of_two_inputs_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((6, 5)))
    with pytest.raises(SamplesError, match="the model has 2 inputs"):
        open_samples(tmp_path / "a.npy", [X, Port("y", "float32", (1, 5))])


def test_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(SamplesError, match=r"not an \.npy that can be read"):
        open_samples(tmp_path / "a.npy", [X])


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((6, 5)))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-8])
    with pytest.raises(SamplesError, match=r"not an \.npy that can be read") as caught:
        open_samples(tmp_path / "a.npy", [X])
    assert caught.value.where == str(tmp_path / "a.npy")


def test_no_rows_are_no_samples(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((0, 5), np.float32))
    with pytest.raises(SamplesError, match="there are no samples"):
        list(open_samples(tmp_path / "a.npy", [X]))
