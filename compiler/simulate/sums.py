"""Exact sums of integer products by floating-point matrix kernels, and saturating pairs.

Integers below 2^24 are exact in float32 and below 2^53 in float64, and so is every partial sum.

`vpmaddubsw` (x86 without VNNI) adds two u8*s8 products that are neighbours along the contraction
in an int16 that saturates. Few pairs of weights can overflow it: |w0| + |w1| > 128 of one sign.
The exact sum is taken over all pairs, and for those few what saturation cuts off is taken away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mcompile.types import Array, Scheme

_MOST = 255
_TOP, _BOTTOM = 32767, -32768


def exact(left: Array, right: Array, axes: tuple[int, ...]) -> np.dtype[Any]:
    """The narrowest type in which sums over these axes of the right operand are exact."""
    most = np.abs(right).sum(axis=axes).max(initial=1)
    reach = int(np.abs(left).max(initial=1)) * int(most)
    return np.dtype(np.float32 if reach < 2**24 else np.float64)


def product(left: Array, right: Array) -> Array:
    """The matrix product of two arrays of integers."""
    kind = exact(left, right, (max(-2, -right.ndim),))
    return np.asarray(np.matmul(left.astype(kind), right.astype(kind)))


def saturates(scheme: Scheme, data: Array, weights: Array) -> bool:
    """Whether products of these codes are added in pairs that saturate: u8 by s8 ones alone."""
    types = (data.dtype, weights.dtype)
    return scheme.pair_saturates and types == (np.dtype(np.uint8), np.dtype(np.int8))


def cut_off(column: Callable[[int], Array], rows: Array) -> Array:
    """What saturation takes from sums over k of rows[n, k] * column(k)[p], as an array [n, p].

    `column` gives activations 0..255; `rows` are the weights of each output channel.
    """
    rows = rows.astype(np.int32)
    if rows.shape[1] % 2:
        rows = np.pad(rows, ((0, 0), (0, 1)))
    pairs = rows.reshape(rows.shape[0], -1, 2)
    up = np.maximum(pairs, 0).sum(axis=2) * _MOST > _TOP
    risky = up | (np.minimum(pairs, 0).sum(axis=2) * _MOST < _BOTTOM)
    lost = np.zeros((rows.shape[0], column(0).size), np.int64)
    for k in np.flatnonzero(risky.any(axis=0)):
        first, second = column(2 * int(k)), column(2 * int(k) + 1)
        if (int(first.max()) + int(second.max())) * 128 <= _TOP:
            continue
        chosen = np.flatnonzero(risky[:, k])
        both = pairs[chosen, k]
        added = both[:, :1] * first + both[:, 1:] * second
        lost[chosen] += added - np.clip(added, _BOTTOM, _TOP)
    return lost
