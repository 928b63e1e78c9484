"""The streaming histogram against the data it has seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mcompile.quantize.ranges import BINS, Channels, TensorRange, _step

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


def test_exact_zeros_are_counted_of_either_sign_and_before_anything_else():
    found = TensorRange()
    found.add(np.zeros(10, np.float32))
    found.add(np.array([0.0, -0.0, 1e-20, 3.0], np.float32))
    assert found.zeros == 12
    assert found.counts.sum() == 14


@given(st.lists(hnp.arrays(np.float32, (2, 3, 4), elements=FLOATS), min_size=1, max_size=4))
@settings(deadline=None, derandomize=True, max_examples=30)
def test_channels_keep_their_own_extremes_on_any_axis(pieces):
    found = TensorRange()
    for piece in pieces:
        found.add(piece, (1, -1))
    everything = np.concatenate(pieces)
    np.testing.assert_array_equal(found.channels[1].low, everything.min(axis=(0, 2)))
    np.testing.assert_array_equal(found.channels[1].high, everything.max(axis=(0, 2)))
    np.testing.assert_array_equal(found.channels[-1].low, everything.min(axis=(0, 1)))
    np.testing.assert_array_equal(found.channels[-1].high, everything.max(axis=(0, 1)))


def test_an_axis_that_the_tensor_lacks_is_passed_over():
    found = TensorRange()
    found.add(np.ones(3, np.float32), (1, -1))
    assert [*found.channels] == [-1]


def test_the_reach_of_a_channel_is_its_largest_magnitude():
    held = Channels(np.array([-3.0, 1.0], np.float32), np.array([2.0, 4.0], np.float32))
    np.testing.assert_array_equal(held.reach(), [3.0, 4.0])


def test_an_empty_array_changes_nothing():
    found = TensorRange()
    found.add(np.zeros((0, 3), np.float32), (1,))
    assert (found.low, found.counts.sum(), found.channels) == (float("inf"), 0, {})


def test_values_below_any_scale_do_not_break_the_bins():
    found = TensorRange()
    found.add(np.array([-1e-44, 1e-44, 1e-40], np.float32))
    assert found.counts.sum() == 3
    found.add(np.array([3e38, -3e38], np.float32))
    assert found.counts.sum() == 5
    assert found.counts[BINS // 2 - 1 : BINS // 2 + 1].sum() == 3


def test_of_a_large_array_every_kth_value_is_counted_for_the_rest():
    data = np.random.default_rng(2).standard_normal((4, 64, 28, 28)).astype(np.float32)
    whole, pieces = TensorRange(), TensorRange()
    whole.add(data)
    for part in np.array_split(data.ravel(), 20):
        pieces.add(part)
    assert (whole.low, whole.high) == (pieces.low, pieces.high)
    assert whole.counts.sum() == pytest.approx(data.size, rel=1e-3)
    for percent in (50.0, 90.0, 99.0):
        ends = [f.percentile(percent) for f in (whole, pieces)]
        np.testing.assert_allclose(*ends, atol=0.1)


def test_a_single_outlier_of_a_large_array_is_counted():
    data = np.zeros(100_000, np.float32)
    data[[5, 77_777]] = -3.0, 50.0
    found = TensorRange()
    found.add(data)
    assert found.counts[-1] + found.counts[BINS - 1 :].sum() > 0
    assert found.percentile(100.0) == (-3.0, 50.0)


@pytest.mark.parametrize(
    "size", [32_769, 7 * 7 * 1280 * 3, 112 * 112 * 96, 2**20, 3 * 5 * 7 * 11 * 13 * 17]
)
def test_what_is_skipped_falls_in_step_with_no_axis(size):
    step = _step(size)
    assert step >= size / 32_768
    assert np.gcd(step, size) == 1
