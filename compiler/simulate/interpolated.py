"""Sigmoid, Tanh and Softmax of 16-bit codes by tables, as TensorFlow Lite interpolates them.

Sigmoid reads x in units of 1 / (3 * 4096) from 256 values of 1 / (1 + e^-t) at t = 0, 1/24, ..;
tanh(x) = 2 * sigmoid(2 * x) - 1. Softmax reads e^x on [-10, 0] and 1 / (1 + x) on [0, 1] from 513
values, each moved so that the line to the next errs as much in the middle as at the ends.

Source: the integer reference kernels of LiteRT.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import frexp, log2

import numpy as np

from mcompile.simulate.coded import Coded
from mcompile.simulate.fixed import multiplied
from mcompile.types import Array

_TOP, _BOTTOM = 2**15 - 1, -(2**15)
_STEPS = 512


def sigmoid(data: Coded) -> Array:
    """Codes of 1 / (1 + e^-x) with scale 1/32768 and zero point 0."""
    x = _argument(data)
    found = _looked_up(np.abs(x), 9, 0x7FFF << 10)
    signed = np.where(x >= 0, found + (1 << 9), (1 << 25) - found + (1 << 9) - 1)
    return np.asarray((signed >> 10).astype(np.int16))


def tanh(data: Coded) -> Array:
    """Codes of tanh(x) with scale 1/32768 and zero point 0."""
    x = _argument(data)
    found = _looked_up(np.abs(x), 8, 0xFFFF << 8) - (1 << 23)
    signed = np.where(x >= 0, found + (1 << 7), (1 << 7) - found - 1)
    return np.asarray((signed >> 8).astype(np.int16))


def softmax(data: Coded, axis: int) -> Array:
    """Codes of Softmax along an axis with scale 1/32768 and zero point 0."""
    codes = np.moveaxis(data.codes.astype(np.int64), axis, -1)
    less = codes - codes.max(axis=-1, keepdims=True)
    unit = np.asarray(float(data.params.scale) / (10.0 / 65535.0))
    powers = _between(_powers(), _clip(multiplied(less, unit) + _TOP))
    total = powers.sum(axis=-1, keepdims=True)
    room = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    shifted = ((total << (room - 1)) + (1 << 13)) >> 14
    scale = _between(_reciprocals(), _clip(shifted - (1 << 15) - (1 << 16)))
    right = 31 - room
    found = (powers * scale + (np.int64(1) << (right - 1))) >> right
    codes = np.clip(found, 0, _TOP).astype(np.int16)
    return np.asarray(np.moveaxis(codes, -1, axis))


def _argument(data: Coded) -> Array:
    """x in units of 1 / (3 * 4096)."""
    scale, x = float(data.params.scale), data.codes.astype(np.int64)
    power = log2(scale) + 12
    if abs(power - round(power)) < 1e-3 and round(power) in {0, 1}:
        return x * (3 << round(power))
    factor, shift = scale * 4096.0 * 3.0, 0
    if factor <= _TOP / 2:
        shift = min(31, max(0, 1 - frexp(factor / (_TOP / 2))[1]))
        shift += factor * 2.0**shift <= _TOP / 2 and shift < 31
    half = 1 << (shift - 1) if shift else 0
    return (x * int(factor * 2.0**shift) + half) >> shift


def _looked_up(x: Array, bits: int, most: int) -> Array:
    """The table's value at x / 2^bits, with so many bits more behind its point."""
    table = _sigmoids()
    place = np.minimum(x >> bits, 254)
    rest = x & ((1 << bits) - 1)
    found = (table[place] << bits) + rest * (table[place + 1] - table[place])
    return np.where(x >> bits >= 255, most, found)


def _between(table: Array, x: Array) -> Array:
    place, rest = 256 + (x >> 7), x & 0x7F
    return np.asarray(table[place] + (((table[place + 1] - table[place]) * rest + 64) >> 7))


@cache
def _sigmoids() -> Array:
    values = np.rint(65536 / (1 + np.exp(-np.arange(256) / 24)))
    return np.minimum(values, 65535).astype(np.int64)


@cache
def _powers() -> Array:
    return _balanced(np.exp, -10.0, 0.0)


@cache
def _reciprocals() -> Array:
    return _balanced(lambda x: 1 / (1 + x), 0.0, 1.0)


def _balanced(curve: Callable[[Array], Array], low: float, high: float) -> Array:
    """Values at 513 places, in 16 bits of [-1, 1]."""
    at = np.linspace(low, high, 2 * _STEPS + 1)
    exact = curve(at) * (65535 / 2)
    ends, middles = exact[::2], _rounded(exact[1::2])
    rounded = _rounded(ends)
    line = _rounded((ends[1:] + rounded[:-1]) / 2)
    moved = rounded.copy()
    moved[:-1] -= _rounded((line - middles) / 2)
    return _clip(moved).astype(np.int64)


def _rounded(value: Array) -> Array:
    return np.asarray(np.sign(value) * np.floor(np.abs(value) + 0.5))


def _clip(value: Array) -> Array:
    return np.clip(value, _BOTTOM, _TOP)
