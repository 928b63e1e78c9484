"""From a sum of products to a code, or to a real number.

    float:  y = round_even(float32(total) * float32(s_in * s_w / s_out)) + zero
    fixed:  y = multiplied(total, s_in * s_w / s_out) + zero

A bias that is stored as a real number is added between the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcompile.simulate.coded import saturated
from mcompile.simulate.fixed import multiplied, multiplied_wide, wrapped
from mcompile.types import Array, QParams, Scheme


@dataclass(frozen=True)
class Exit:
    """What becomes of the result: its codes, or None for floats; and the ends it is held within."""

    params: QParams | None
    low: float = -np.inf
    high: float = np.inf


def is_wide(activations: str) -> bool:
    """Whether sums of that type are held in 64 bits."""
    return activations in {"int16", "uint16"}


def leave(
    total: Array,
    scale: Array,
    out: Exit,
    scheme: Scheme,
    bias: Array | None = None,
    *,
    wide: bool = False,
) -> Array:
    """Codes, or float32 numbers, of integer sums whose unit is `scale`, plus a real bias.

    `wide` sums need 64 bits, which leaves 15 bits for a fixed-point multiplier.
    """
    if out.params is None:
        real = total.astype(np.float32) * scale.astype(np.float32)
        return np.asarray(real if bias is None else real + bias.astype(np.float32))
    step, zero = out.params.scale, int(out.params.zero_point)
    if bias is not None:
        codes = np.rint((total * scale.astype(np.float64) + bias) / float(step)) + zero
    elif scheme.requantize == "fixed":
        factor = scale.astype(np.float64) / float(step)
        codes = (multiplied_wide if wide else multiplied)(total, factor) + zero
    else:
        share = np.asarray(scale.astype(np.float32) / np.float32(step))
        codes = np.rint(total.astype(np.float32) * share) + zero
    return saturated(codes, out.params, out.low, out.high)


def held(total: Array, activations: str) -> Array:
    """Sums as the accumulator of such activations holds them, as int64."""
    whole = total.astype(np.int64)
    return whole if is_wide(activations) else wrapped(whole)
