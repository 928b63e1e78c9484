"""A stage gets as many samples as it needs, all of them good, or an error with a way out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from mcompile.errors import SamplesError
from mcompile.samples import check, open_samples, require_labels
from mcompile.types import Port, Sample, Samples

X = Port("x", "float32", (1, 2))


def of(*found: Sample) -> Samples:
    def stream() -> Iterator[Sample]:
        return iter(found)

    return Samples("given", stream)


def test_enough_samples_are_counted() -> None:
    assert check(open_samples(np.zeros((5, 2)), [X]), [X], 2) == 5


def test_one_sample_is_too_few_to_calibrate_with() -> None:
    with pytest.raises(SamplesError, match="1 sample, and at least 2 are needed") as caught:
        check(open_samples(np.zeros((1, 2)), [X]), [X], 2)
    assert "a single sample would set every range" in caught.value.fix
    assert caught.value.code == 4


def test_no_sample_is_too_few() -> None:
    with pytest.raises(SamplesError, match="no samples, and at least 1 are needed"):
        check(of(), [X])
    with pytest.raises(SamplesError, match="there are no samples"):
        check(open_samples([], [X]), [X])


def test_a_bad_sample_anywhere_is_found() -> None:
    data = np.zeros((50, 2))
    data[49, 1] = np.nan
    with pytest.raises(SamplesError, match="x holds NaN") as caught:
        check(open_samples(data, [X]), [X], 2)
    assert caught.value.where == "ndarray in memory, row 49"


def test_samples_made_elsewhere_are_held_against_the_inputs() -> None:
    with pytest.raises(SamplesError, match="x takes 1x2, not 1x3"):
        check(of(Sample({"x": np.zeros((1, 3), np.float32)})), [X])


def test_labels_that_a_metric_needs() -> None:
    require_labels(open_samples([(np.zeros(2), 1)], [X]))
    with pytest.raises(SamplesError, match="these samples have none") as caught:
        require_labels(open_samples(np.zeros((3, 2)), [X]))
    assert "labels.csv" in caught.value.fix
