"""Functions of one integer, as TensorFlow Lite's 8-bit kernels compute them.

Sigmoid and Tanh are tables of 256 codes: y = round(f(s_x * (x - z_x)) / s_y) + z_y, halves away
from zero. LeakyRelu is two fixed-point products. HardSwish is computed in 16 bits:

    y = (x * s_x / s_y)  *  (clamp(x * s_x / 3, -1, 1) + 1) / 2

Source: the reference kernels of LiteRT.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mcompile.simulate.coded import Coded, saturated
from mcompile.simulate.fixed import halved, multiplied, multiplier
from mcompile.simulate.requantize import Exit
from mcompile.types import Array, QParams

_TOP, _BOTTOM = 2**15 - 1, -(2**15)


def table(data: Coded, out: Exit, to: QParams, curve: Callable[[Array], Array]) -> Array:
    """Codes of a function of each code."""
    codes = curve(data.real().astype(np.float64)) / float(to.scale)
    return saturated(_away(codes) + int(to.zero_point), to, out.low, out.high)


def entered(real: Array, out: Exit, to: QParams) -> Array:
    """Codes of real numbers, halves away from zero."""
    return saturated(_away(real / to.scale) + int(to.zero_point), to, out.low, out.high)


def rescaled(data: Coded, out: Exit, to: QParams) -> Array:
    """Codes of another scale and zero point."""
    codes = multiplied(data.centered(), np.asarray(float(data.params.scale) / float(to.scale)))
    return saturated(codes + int(to.zero_point), to, out.low, out.high)


def _away(value: Array) -> Array:
    return np.asarray(np.sign(value) * np.floor(np.abs(value) + 0.5))


def sigmoid(real: Array) -> Array:
    """1 / (1 + e^-x)"""
    return np.asarray(1 / (1 + np.exp(-real)))


def leaky_relu(data: Coded, out: Exit, to: QParams, slope: float) -> Array:
    """Codes of x, and of slope * x below zero; the slope is not negative."""
    ratio = float(data.params.scale) / float(to.scale)
    x = data.centered()
    below = multiplied(x, np.asarray(ratio * slope))
    codes = np.where(x >= 0, multiplied(x, np.asarray(ratio)), below) + int(to.zero_point)
    return saturated(codes, to, out.low, out.high)


def hard_swish(data: Coded, out: Exit, to: QParams) -> Array:
    """Codes of x * clamp(x / 6 + 1/2, 0, 1)."""
    fine = data.centered() << 7
    step = float(data.params.scale) / 128
    bits, shift = _short(step / float(to.scale))
    scaled = _doubled(fine, bits)
    gate_bits, gate_shift = _short(step / 3 * 2**15)
    gate = _clip(fine << max(gate_shift - 1, 0))
    gate = _doubled(gate, gate_bits)
    gate = _clip(gate << 1) if gate_shift > 0 else halved(gate, -gate_shift)
    gate = (gate + 2**15) >> 1
    whole = gate * scaled
    toward_zero = np.sign(whole) * (np.abs(whole) >> 15)
    codes = halved(toward_zero, max(-shift, 0)) << max(shift, 0)
    return saturated(codes + int(to.zero_point), to, out.low, out.high)


def _short(real: float) -> tuple[int, int]:
    """A factor as 15 bits and a power of two."""
    bits, shift = multiplier(np.asarray(real))
    return min((int(bits) + (1 << 15)) >> 16, _TOP), int(shift)


def _doubled(value: Array, bits: int) -> Array:
    """round(value * bits / 2^15), halves up, within 16 bits."""
    return _clip((value * bits + (1 << 14)) >> 15)


def _clip(value: Array) -> Array:
    return np.clip(value, _BOTTOM, _TOP)
