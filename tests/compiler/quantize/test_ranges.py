"""The streaming histogram against the data it has seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mcompile.quantize.ranges import BINS, TensorRange

FLOATS = st.floats(-1e6, 1e6, width=32)
PIECES = st.lists(
    hnp.arrays(np.float32, st.integers(1, 50), elements=FLOATS), min_size=1, max_size=6
)


@given(PIECES)
@settings(deadline=None, derandomize=True)
def test_extremes_are_exact_and_no_value_is_lost(pieces):
    found = TensorRange()
    for piece in pieces:
        found.add(piece)
    everything = np.concatenate(pieces)
    assert (found.low, found.high) == (everything.min(), everything.max())
    assert found.counts.sum() == everything.size


@given(PIECES, st.sampled_from([50.0, 90.0, 99.0, 99.9]))
@settings(deadline=None, derandomize=True)
def test_a_percentile_keeps_at_least_that_share(pieces, percent):
    found = TensorRange()
    for piece in pieces:
        found.add(piece)
    low, high = found.percentile(percent)
    everything = np.concatenate(pieces)
    width = 2 * found.bound / BINS
    inside = (everything >= low - width) & (everything <= high + width)
    assert inside.mean() >= percent / 100 - 1e-9
    assert found.low <= low <= high <= found.high


def test_a_percentile_leaves_an_outlier_out():
    found = TensorRange()
    found.add(np.random.default_rng(0).uniform(-1, 1, 100_000).astype(np.float32))
    found.add(np.array([100.0], np.float32))
    assert found.high == 100.0
    assert found.percentile(99.9)[1] == pytest.approx(1.0, abs=2 * found.bound / BINS)


def test_pieces_in_any_order_give_the_same_counts_as_the_whole():
    data = np.random.default_rng(1).standard_normal(1000).astype(np.float32)
    data[0] = 4.0
    whole, pieces = TensorRange(), TensorRange()
    whole.add(data)
    pieces.add(data[:1])
    for part in np.array_split(data[1:], 7):
        pieces.add(part)
    np.testing.assert_array_equal(whole.counts, pieces.counts)


def test_zeros_first_do_not_fix_the_bound():
    found = TensorRange()
    found.add(np.zeros(10, np.float32))
    found.add(np.array([0.5], np.float32))
    assert found.counts.sum() == 11
    assert found.percentile(100.0) == (0.0, 0.5)
