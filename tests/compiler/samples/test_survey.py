"""One pass keeps what the findings need, and no more of many samples than of few."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest

from mcompile.samples import open_samples
from mcompile.samples.survey import Seen, survey
from mcompile.types import Port, Sample, Samples

X = Port("x", "float32", ("n", 3, 12, 12))
DATA = np.random.default_rng(0).standard_normal((20, 3, 12, 12)).astype(np.float32)


def test_figures_are_those_of_all_samples() -> None:
    found = survey(open_samples(DATA, [X]), [X], None)
    seen = found.inputs["x"]
    assert (found.samples, found.rows, seen.units, seen.layout) == (20, 20, 20, "nchw")
    np.testing.assert_allclose(seen.moments.mean, DATA.mean((0, 2, 3), dtype=float), atol=1e-9)
    assert seen.range == (DATA.min(), DATA.max())
    assert seen.colored
    assert seen.real


def test_copies_constants_and_zeros_are_counted() -> None:
    data = DATA.copy()
    data[4], data[5], data[6], data[9] = 0, 2, data[7], data[7]
    found = survey(open_samples(data, [X]), [X], None)
    assert (found.copies, found.inputs["x"].constant, found.inputs["x"].zero) == (2, 2, 1)


def test_the_same_bytes_in_another_shape_are_no_copy() -> None:
    port = Port("x", "float32", ("a", "b"))
    samples = Samples("here", lambda: iter([
        Sample({"x": np.ones((2, 3), np.float32)}), Sample({"x": np.ones((3, 2), np.float32)}),
    ]))  # fmt: skip
    assert survey(samples, [port], None).copies == 0


@pytest.mark.parametrize(
    ("labels", "classes"),
    [([1, 2, 1], {1: 2, 2: 1}), ([0.5, 1.0, 2.0], {}), ([[1, 2], [3, 4], [5, 6]], {})],
)
def test_classes_are_single_whole_numbers(labels: list[object], classes: dict[int, int]) -> None:
    found = survey(open_samples({"x": DATA[:3], "labels": np.array(labels)}, [X]), [X], None)
    assert found.classes == classes


def test_a_large_set_is_kept_no_larger() -> None:
    port = Port("x", "float32", (1, 50))

    def stream() -> Iterator[Sample]:
        rng = np.random.default_rng(0)
        return (Sample({"x": rng.random((1, 50), np.float32)}) for _ in range(5000))

    seen = survey(Samples("many", stream), [port], None).inputs["x"]
    assert seen.units == 5000
    assert len(seen.glances.items) <= 2048
    assert sum(sys.getsizeof(g.likeness) + sys.getsizeof(g.quantiles)
               for g in seen.glances.items) < 3e6  # fmt: skip


def test_pictures_of_other_sizes_and_other_channels_stop_nothing() -> None:
    seen = Seen(Port("x", "float32", ("n", "c", "h", "w")))
    seen.add(DATA[:1])
    seen.add(DATA[:1, :, :9, :11])
    seen.add(DATA[:1, :2])
    seen.add(DATA[:1, :, :2, :2])
    assert seen.units == 3


def test_flags_are_numbers_and_text_is_not() -> None:
    seen = Seen(Port("x", "bool", ("n",)))
    seen.add(np.array([True, False]))
    assert seen.range == (0, 1)
    text = Seen(Port("x", "string", ("n",)))
    text.add(np.array(["a"], object))
    assert not text.numeric
