"""How much of what a tensor held lies outside the integers that a plan gives it.

Integers from `bottom` to `top` stand for `scale * (q - zero_point)`. A value is cut off where it
rounds to an integer beyond the ends, half a step outside of them:

    x < scale * (bottom - zero_point - 1/2)    or    x > scale * (top - zero_point + 1/2)
"""

from __future__ import annotations

import numpy as np

from mcompile.quantize.ranges import BINS, TensorRange
from mcompile.types import QParams


def saturated(held: TensorRange, params: QParams) -> float:
    """The share of the observed values that is cut off, 0 to 1.

    Exact to one bin of the histogram at each end (2 * bound / 4096): a bin counts where all of it
    lies outside. Nothing is cut off where the extremes, which are exact, lie inside. `params` have
    one scale for the whole tensor.
    """
    scale, zero = float(np.max(params.scale)), float(np.max(params.zero_point))
    ends = np.iinfo(params.dtype)
    low, high = scale * (ends.min - zero - 0.5), scale * (ends.max - zero + 0.5)
    total = int(held.counts.sum())
    if not total or (low <= held.low and held.high <= high):
        return 0.0
    width = 2 * held.bound / BINS
    starts = np.arange(BINS) * width - held.bound
    # The bins at the ends reach no farther than the extremes do.
    below = np.minimum(starts + width, held.high) < low
    above = np.maximum(starts, held.low) > high
    return float(held.counts[below | above].sum() / total)
