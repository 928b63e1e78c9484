"""Figures of a stream are those of all its values at once."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile.samples.moments import Moments


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    st.integers(1, 4),
    st.lists(st.integers(1, 30), min_size=1, max_size=6),
    st.floats(-1e6, 1e6),
    st.floats(1e-3, 1e3),
    st.integers(0, 99),
)
def test_blocks_of_any_size_come_to_the_figures_of_the_whole(
    channels: int, sizes: list[int], offset: float, scale: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    blocks = [offset + scale * rng.standard_normal((channels, n)) for n in sizes]
    made = Moments()
    for block in blocks:
        made.add(block)
    whole = np.concatenate(blocks, 1)
    assert made.number == whole.shape[1]
    np.testing.assert_allclose(made.mean, whole.mean(1), rtol=1e-12, atol=1e-9 * scale)
    np.testing.assert_allclose(made.deviation, whole.std(1), rtol=1e-6, atol=1e-9 * abs(offset))
    np.testing.assert_array_equal(made.low, whole.min(1))
    np.testing.assert_array_equal(made.high, whole.max(1))


def test_further_axes_count_as_one() -> None:
    data = np.random.default_rng(0).standard_normal((3, 4, 5))
    one, other = Moments(), Moments()
    one.add(data)
    other.add(data.reshape(3, 20))
    np.testing.assert_array_equal(one.deviation, other.deviation)


def test_a_mean_far_from_zero_costs_no_precision() -> None:
    made = Moments()
    for value in (1e8 + 1, 1e8 - 1) * 500:
        made.add(np.array([[value]]))
    np.testing.assert_allclose(made.deviation, 1, rtol=1e-9)
