"""The share of values that the integers of a plan cut off."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile.quantize.ranges import TensorRange
from mcompile.quantize.saturation import saturated
from mcompile.types import QParams


def params(scale, zero, dtype="uint8"):
    return QParams(np.asarray(np.float32(scale)), np.asarray(zero, dtype), dtype)


def observed(*arrays):
    found = TensorRange()
    for data in arrays:
        found.add(np.asarray(data, np.float32))
    return found


def exactly(data, p):
    """The share by the definition: rounded codes that lie outside of the type."""
    ends = np.iinfo(p.dtype)
    codes = np.rint(np.asarray(data, np.float64) / float(p.scale)) + int(p.zero_point)
    return np.mean((codes < ends.min) | (codes > ends.max))


def test_values_above_the_top_are_counted():
    # 0 .. 2.55 are held; of 0, 1, 2, 3, 4 the last two are not.
    assert saturated(observed([0.0, 1.0, 2.0, 3.0, 4.0]), params(0.01, 0)) == pytest.approx(0.4)


def test_values_beyond_either_end_are_counted():
    # -1.28 .. 1.27 are held.
    assert saturated(observed([-3.0, -1.0, 1.0, 2.0]), params(0.01, 128)) == 0.5


def test_half_a_step_beyond_the_end_is_rounded_and_not_cut_off():
    held = observed([0.0, 25.54])
    assert saturated(held, params(0.1, 0)) == 0.0
    assert saturated(observed([0.0, 25.7]), params(0.1, 0)) == 0.5


def test_a_tensor_that_its_integers_hold_has_none():
    held = observed(np.linspace(-1, 1, 1000))
    assert saturated(held, params(2 / 255, 128)) == 0.0
    assert saturated(observed([0.0, 0.0]), params(1e-12, 0)) == 0.0
    assert saturated(TensorRange(), params(1.0, 0)) == 0.0


def test_one_scale_said_once_a_channel_counts_as_one():
    p = params(0.01, 0)
    spread = QParams(np.full(3, p.scale), np.full(3, p.zero_point), "uint8", 1)
    held = observed([0.0, 3.0])
    assert saturated(held, spread) == saturated(held, p) == 0.5


@given(
    st.integers(0, 10**6),
    st.sampled_from(["uint8", "int8", "int16"]),
    st.floats(0.05, 1.2),
    st.floats(-0.3, 0.3),
)
@settings(deadline=None, derandomize=True, max_examples=40)
def test_it_is_exact_to_a_bin_at_each_end(seed, dtype, share, shift):
    rng = np.random.default_rng(seed)
    data = (rng.standard_normal(4000) + shift).astype(np.float32)
    held, ends = observed(data[:1000], data[1000:]), np.iinfo(dtype)
    reach = share * float(np.abs(data).max())
    zero = 0 if ends.min else int((ends.max + 1) // 2)
    p = params(2 * reach / (ends.max - ends.min), zero, dtype)
    low, high = (float(p.scale) * (e - zero + h) for e, h in ((ends.min, -0.5), (ends.max, 0.5)))
    width = 2 * held.bound / held.counts.size
    near = np.mean((np.abs(data - low) <= width) | (np.abs(data - high) <= width))
    found = saturated(held, p)
    assert exactly(data, p) - near - 1e-9 <= found <= exactly(data, p) + 1e-9 + near
