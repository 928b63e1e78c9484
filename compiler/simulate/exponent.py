"""e^x, 1 / (1 + x) and Softmax in 31-bit fixed point, for TensorFlow Lite's 8-bit Softmax.

Numbers are int64 that hold `raw` of gemmlowp's `FixedPoint<int32, n>`: raw / 2^(31 - n).

    e^x, x <= 0:   x = -1/4 <= r < 0 plus quarters; e^r by a polynomial about -1/8, and the binary
                   digits of the quarters by constants e^-(1/4), e^-(1/2), e^-1, ...
    1 / (1 + x):   three steps of Newton's iteration

Source: gemmlowp, `fixedpoint.h`; the integer reference kernel of Softmax of LiteRT.
"""

from __future__ import annotations

import numpy as np

from mcompile.simulate.coded import Coded
from mcompile.simulate.fixed import doubled, halved, multiplier
from mcompile.types import Array, QParams

_ONE = 2**31 - 1
_FRACTION = 26  # bits behind the point of the exponent, which reaches down to -32
_QUARTER = 1 << (_FRACTION - 2)
_SUM_DIGITS = 12  # bits in front of the point of the sum
_NEAR = np.round(np.exp(-1 / 8) * 2.0**31).astype(np.int64)
_THIRD = np.round(2.0**31 / 3).astype(np.int64)
_START, _SLOPE = 1515870810, -1010580540  # 48/17 and -32/17, with two digits before the point


def softmax(data: Coded, out: QParams, axis: int) -> Array:
    """Codes of Softmax along an axis, for codes of 8 bits and an output scale of 1/256."""
    codes = np.moveaxis(data.codes.astype(np.int64), axis, -1)
    bits, shift = multiplier(np.minimum(float(data.params.scale) * 2.0**_FRACTION, _ONE))
    less = codes - codes.max(axis=-1, keepdims=True)
    least = -np.floor(31 * 2.0**_FRACTION / 2.0 ** float(shift))
    seen = less >= least
    powers = np.where(seen, exponential(doubled(np.where(seen, less, 0) << shift, bits)), 0)
    total = halved(powers, _SUM_DIGITS).sum(axis=-1, keepdims=True)
    over, scale = _reciprocal(total)
    share = halved(doubled(scale, powers), over + 31 - 8)
    ends = np.iinfo(out.dtype)
    found = np.clip(np.where(seen, share + ends.min, ends.min), ends.min, ends.max)
    return np.moveaxis(found, -1, axis).astype(out.dtype)


def exponential(power: Array) -> Array:
    """e^x for x <= 0 with 26 bits behind the point, as 31 bits behind the point."""
    rest = (power & (_QUARTER - 1)) - _QUARTER
    found = _near_eighth(rest << 5)
    quarters = rest - power
    for digit in range(7):
        factor = np.int64(np.round(np.exp(-(2.0 ** (digit - 2))) * 2.0**31))
        bit = np.int64(1) << (_FRACTION - 2 + digit)
        found = np.where(quarters & bit, doubled(found, factor), found)
    return np.where(power == 0, _ONE, found)


def _near_eighth(power: Array) -> Array:
    """e^x for -1/4 <= x < 0, 31 bits behind the point, by four terms about -1/8."""
    x = power + (1 << 28)
    square = doubled(x, x)
    cube, fourth = doubled(square, x), doubled(square, square)
    terms = halved(doubled(halved(fourth, 2) + cube, _THIRD) + square, 1)
    return np.asarray(_NEAR + doubled(np.asarray(_NEAR), x + terms))


def _reciprocal(total: Array) -> tuple[Array, Array]:
    """1 / total as a shift and 31 bits."""
    zeros = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    return _SUM_DIGITS - zeros, _one_over((total << zeros) - (1 << 31))


def _one_over(x: Array) -> Array:
    """1 / (1 + x) for 0 <= x < 1, 31 bits behind the point."""
    half = (x + _ONE + 1) // 2
    found = _START + doubled(half, np.asarray(_SLOPE))
    for _ in range(3):
        short = (1 << 29) - doubled(half, found)
        found = found + np.clip(doubled(found, short) << 2, -_ONE - 1, _ONE)
    return np.asarray(np.clip(found << 1, -_ONE - 1, _ONE))
