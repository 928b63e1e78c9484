"""Which part of what a tensor held the integers should reach, from its histogram alone.

The finer the steps, the more is clipped. With steps of size s, a value inside the range errs by
s^2 / 12 on average, one that is exactly zero not at all, and one outside by its distance to the
range. Every choice spans zero as far as the data does, and none is wider than the extremes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from mcompile.quantize.ranges import BINS, TensorRange
from mcompile.types import Array

Range = tuple[float, float]
Method = Callable[[TensorRange, int, bool], Range]

_COARSE = 64
_ROUNDS = 20
_STRIDE = 8
_SHARES = (0.85, 0.7, 0.55, 0.4, 0.25)
_ALIKE = 1 / 256
_LEAST = 1e-4
"""Counts that a bin has at least where everything clipped is gathered: its logarithm is finite."""


def extremes(found: TensorRange, levels: int = 256, symmetric: bool = False) -> Range:
    """The whole range; what is symmetric or coarse about the integers does not matter."""
    del levels, symmetric
    return found.low, found.high


def percentile(percent: float) -> Method:
    """The method that keeps that share of the values, clipping either end alike."""

    def method(found: TensorRange, levels: int, symmetric: bool) -> Range:
        del levels, symmetric
        return found.percentile(percent)

    return method


def mse(found: TensorRange, levels: int = 256, symmetric: bool = False) -> Range:
    """The range of least mean squared error for so many levels, steps and clipping together.

    A `symmetric` one has as much room below zero as above, and leaves the lowest level unused.
    """
    if found.bound == 0.0:
        return found.low, found.high
    held = _Held(found)
    low, high = _symmetric(held, levels) if symmetric else _two_sided(held, levels)
    return max(low, found.low), min(high, found.high)


def entropy(found: TensorRange, levels: int = 256, symmetric: bool = False) -> Range:
    """The range whose clipped and coarsened distribution of magnitudes diverges least from itself.

    Kullback-Leibler divergence over one histogram of |x|, after S. Migacz, "8-bit inference with
    TensorRT", GTC 2017; as there the same threshold holds on both sides of zero. Exact zeros are
    left out: they cost nothing. A tensor of one sign has all levels on that side.
    """
    if found.bound == 0.0:
        return found.low, found.high
    shared = symmetric or (found.low < 0.0 < found.high)
    coarse = max(2, levels // 2 if shared else levels)
    counts = _magnitudes(found)
    used = int(np.flatnonzero(counts)[-1]) + 1
    ends = [*range(coarse + 1, used, _STRIDE), used]
    # Of equals the widest: it clips least.
    best = min(reversed(ends), key=_Divergence(counts, coarse))
    reach = float(best) * 2 * found.bound / BINS
    return max(-reach, found.low), min(reach, found.high)


METHODS: Mapping[str, Method] = {
    "min-max": extremes,
    "p99.99": percentile(99.99),
    "p99.9": percentile(99.9),
    "mse": mse,
    "entropy": entropy,
}
"""Every way to choose a range: from what was observed, the number of levels, and symmetry."""


def candidates(found: TensorRange, levels: int = 256, symmetric: bool = False) -> list[Range]:
    """Ends to try: the extremes first, then those of each method, then shares of the extremes.

    A share is that of the larger extreme, on both sides of zero, or that of the lower end alone.
    None is within a 256th of the whole range of another one.
    """
    low, high = found.low, found.high
    proposed = [method(found, levels, symmetric) for method in METHODS.values()]
    reaches = [share * max(-low, high) for share in _SHARES]
    proposed += [(max(low, -r), min(high, r)) for r in reaches if low < r and high > -r]
    if low < 0 < high and not symmetric:
        proposed += [(share * low, high) for share in _SHARES]
    near = _ALIKE * (max(high, 0.0) - min(low, 0.0))
    kept: list[Range] = []
    for ends in proposed:
        if all(max(abs(ends[0] - k[0]), abs(ends[1] - k[1])) > near for k in kept):
            kept.append(ends)
    return kept


class _Held:
    """Sums over the histogram that tell in one look-up what a clip would cost."""

    def __init__(self, found: TensorRange) -> None:
        width = 2 * found.bound / BINS
        self.edges = np.clip(np.arange(BINS + 1) * width - found.bound, found.low, found.high)
        counts = found.counts.astype(np.float64)
        centres = (self.edges[1:] + self.edges[:-1]) / 2
        self._sums = [_prefix(counts * centres**power) for power in range(3)]
        self.total = max(0.0, counts.sum() - found.zeros)
        middle = BINS // 2
        self.lows = np.unique(np.append(self.edges[: middle + 1].clip(max=0.0), min(found.low, 0)))
        self.highs = np.unique(np.append(self.edges[middle:].clip(min=0.0), max(found.high, 0)))

    def below(self, clips: Array) -> Array:
        """The sum of squared distances to each clip of the values below it."""
        place = np.searchsorted(self.edges, clips, side="right") - 1
        return self._cost(clips, [s[np.maximum(place, 0)] for s in self._sums])

    def above(self, clips: Array) -> Array:
        """The same of the values above it."""
        place = np.minimum(np.searchsorted(self.edges, clips, side="left"), BINS)
        return self._cost(clips, [s[-1] - s[place] for s in self._sums])

    def _cost(self, clips: Array, part: list[Array]) -> Array:
        return np.asarray(np.maximum(part[2] - 2 * clips * part[1] + clips**2 * part[0], 0.0))


def _prefix(terms: Array) -> Array:
    return np.concatenate([[0.0], np.cumsum(terms)])


def _two_sided(held: _Held, levels: int) -> Range:
    """Both ends: first over a coarse grid, then each in turn over all bins until neither moves."""
    noise = held.total / (12.0 * (levels - 1) ** 2)
    below, above = held.below(held.lows), held.above(held.highs)
    rows = np.unique(np.linspace(0, held.lows.size - 1, _COARSE).round().astype(np.intp))
    columns = np.unique(np.linspace(0, held.highs.size - 1, _COARSE).round().astype(np.intp))
    span = held.highs[columns][None] - held.lows[rows][:, None]
    costs = noise * span**2 + below[rows][:, None] + above[columns][None]
    row, column = np.unravel_index(int(costs.argmin()), costs.shape)
    low, high = int(rows[row]), int(columns[column])
    for _ in range(_ROUNDS):
        before = low, high
        low = int((noise * (held.highs[high] - held.lows) ** 2 + below).argmin())
        high = int((noise * (held.highs - held.lows[low]) ** 2 + above).argmin())
        if (low, high) == before:
            break
    return float(held.lows[low]), float(held.highs[high])


def _symmetric(held: _Held, levels: int) -> Range:
    reaches = np.unique(np.concatenate([-held.lows, held.highs]))
    reaches = reaches[reaches >= max(held.edges[0], -held.edges[-1], 0.0)]
    noise = held.total / (12.0 * (levels / 2 - 1) ** 2)
    costs = noise * reaches**2 + held.below(-reaches) + held.above(reaches)
    reach = float(reaches[costs.argmin()])
    return -reach, reach


def _magnitudes(found: TensorRange) -> Array:
    """The histogram of |x| over [0, bound], without exact zeros."""
    counts = found.counts.astype(np.float64)
    counts[BINS // 2] = max(0.0, counts[BINS // 2] - found.zeros)
    return np.asarray(counts[BINS // 2 :] + counts[: BINS // 2][::-1])


class _Divergence:
    """KL(P || Q) by end: P clipped to so many bins, Q the same bins made of so many levels.

    Within a level Q is constant, so that sums over the bins of a level are all that is needed:
    sum p log(p / q) = sum p log p - sum over levels of (mass of p) log(mass / bins that hold any).
    """

    def __init__(self, counts: Array, coarse: int) -> None:
        self._counts, self._coarse = counts, coarse
        self._mass, self._held = _prefix(counts), _prefix((counts > 0).astype(np.float64))
        self._own = _prefix(_times_log(counts))

    def __call__(self, end: int) -> float:
        total, inside = self._mass[-1], self._mass[end]
        if end <= self._coarse:
            return 0.0
        if inside == 0.0:
            return float("inf")
        edges = (np.arange(self._coarse + 1) * end) // self._coarse
        mass, held = np.diff(self._mass[edges]), np.diff(self._held[edges])
        crossed = float((mass * np.log(np.maximum(mass, 1.0) / np.maximum(held, 1.0))).sum())
        # The last bin holds all that is clipped; where it held nothing itself, Q has next to none.
        last, clipped = self._counts[end - 1], total - inside
        filled = last > 0.0
        final = float(mass[-1] / held[-1]) if filled else _LEAST
        own = self._own[end - 1] + float(_times_log(np.asarray(last + clipped)))
        crossed += clipped * np.log(final)
        spread = inside if filled or not clipped else inside + _LEAST
        return float((own - crossed) / total + np.log(spread / total))


def _times_log(counts: Array) -> Array:
    return np.asarray(counts * np.log(np.maximum(counts, 1.0)))
