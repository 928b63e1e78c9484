"""Add, Sub and Mul of two integer tensors.

    float:  a + b  =  round_even(a * (s_a / s_c) + b * (s_b / s_c)) + z_c
    fixed:  a + b  =  M(M(a << n, s_a / 2s) + M(b << n, s_b / 2s), 2s / (2^n * s_c)) + z_c

with s = max(s_a, s_b), n = 20 for codes of 8 bits and 15 for those of 16, and M the fixed-point
product. Source of the second: the integer reference kernels of LiteRT.
"""

from __future__ import annotations

import numpy as np

from mcompile.simulate.coded import Coded, saturated
from mcompile.simulate.fixed import multiplied
from mcompile.simulate.requantize import Exit, is_wide, leave
from mcompile.types import Array, QParams, Scheme


def add(one: Coded, other: Coded, out: Exit, scheme: Scheme, sign: int = 1) -> Array:
    """Codes of one + sign * other."""
    to = out.params
    if to is None:
        return np.asarray(one.real() + sign * other.real())
    left, right = one.centered(), sign * other.centered()
    if scheme.requantize == "fixed":
        codes = _shifted_sum(left, right, (one.params, other.params, to))
    else:
        ratios = one.params.scale / to.scale, other.params.scale / to.scale
        codes = np.rint(left.astype(np.float32) * ratios[0] + right.astype(np.float32) * ratios[1])
    return saturated(codes + int(to.zero_point), to, out.low, out.high)


def mul(one: Coded, other: Coded, out: Exit, scheme: Scheme) -> Array:
    """Codes of one * other."""
    total, scale = one.centered() * other.centered(), one.params.scale * other.params.scale
    if scheme.requantize == "fixed" and out.params is not None:
        # Products of 16-bit codes fit 31 bits: unlike sums, they keep the whole multiplier.
        codes = multiplied(total, np.asarray(scale / out.params.scale))
        return saturated(codes + int(out.params.zero_point), out.params, out.low, out.high)
    return leave(total, np.asarray(scale), out, scheme)


def _shifted_sum(left: Array, right: Array, params: tuple[QParams, QParams, QParams]) -> Array:
    first, second, to = (float(p.scale) for p in params)
    bits = 15 if is_wide(params[2].dtype) else 20
    twice = 2 * max(first, second)
    both = multiplied(left << bits, np.asarray(first / twice))
    both = both + multiplied(right << bits, np.asarray(second / twice))
    return multiplied(both, np.asarray(twice / (2.0**bits * to)))
