"""Multiplication by a real number in integers, as TensorFlow Lite's kernels do it.

    m = q * 2^shift,  1/2 <= q < 1,  q kept in 31 bits

    x -> round(round(x * 2^max(shift, 0) * q) / 2^max(-shift, 0))

The first rounding sends halves up, the second away from zero. Totals of 64 bits (16-bit
activations) are multiplied by 15 bits of q and rounded once, halves up. Source: the reference
kernels of LiteRT (`MultiplyByQuantizedMultiplier`, built with two roundings) and gemmlowp's
`fixedpoint.h`.
"""

from __future__ import annotations

import numpy as np

from mcompile.types import Array

_MOST = 2**31 - 1


def multiplier(real: Array) -> tuple[Array, Array]:
    """The 31 bits and the power of two of each positive number, as int64."""
    part, shift = np.frexp(np.asarray(real, np.float64))
    bits = np.floor(part * 2.0**31 + 0.5).astype(np.int64)
    full = bits == 2**31
    bits, shift = np.where(full, bits // 2, bits), shift.astype(np.int64) + full
    gone = shift < -31
    return np.where(gone, 0, bits), np.where(gone, 0, shift)


def multiplied(value: Array, real: Array, count: int = 1) -> Array:
    """Each int32 value times a positive real number, over a count that goes into the bits."""
    bits, shift = multiplier(real)
    room = np.minimum(count.bit_length() - 1, 31 + shift)
    bits, shift = (bits << room) // count, shift - room
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    return halved(doubled(wrapped(value << left), bits), right)


def multiplied_wide(value: Array, real: Array) -> Array:
    """Each value of up to 48 bits times a positive real number."""
    bits, shift = multiplier(real)
    reduced = np.where(bits < 0x7FFF0000, (bits + (1 << 15)) >> 16, 0x7FFF)
    total = 15 - shift
    return np.asarray((value * reduced + (np.int64(1) << (total - 1))) >> total)


def doubled(one: Array, other: Array) -> Array:
    """round(one * other / 2^31), halves up, held within 31 bits."""
    return np.asarray(np.minimum((one * other + (1 << 30)) >> 31, _MOST))


def halved(value: Array, times: Array | int) -> Array:
    """round(value / 2^times), halves away from zero."""
    mask = (np.int64(1) << np.asarray(times, np.int64)) - 1
    threshold = (mask >> 1) + (value < 0)
    return np.asarray((value >> np.asarray(times, np.int64)) + ((value & mask) > threshold))


def wrapped(value: Array) -> Array:
    """What is left of the value in an int32 that overflows silently."""
    return value.astype(np.int32).astype(np.int64)


def shared(total: Array, count: Array | int) -> Array:
    """round(total / count), halves away from zero."""
    half = np.asarray(count) // 2
    share = (np.abs(total) + half) // count
    return np.asarray(np.sign(total) * share)
