"""What values a tensor takes, learned from a stream in constant memory.

A histogram over [-bound, bound] whose bound doubles when a value falls outside: two neighbouring
bins become one, and nothing is read twice. Extremes are kept exactly, those of each channel too
where somebody reads the tensor by channels. Of an array of more than 32,768 values the histogram
takes every k-th, k times, and both extremes; k is a prime that does not divide their number, so
that it falls in step with no axis.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from mcompile.types import Array

BINS = 4096
_COUNTED = 1 << 15
_SMALLEST = 2.0**-100
"""Below it the bins' scale would overflow float32; no integer scale is anywhere near."""


@dataclass
class Channels:
    """The extremes of each slice of a tensor along one axis, float32 vectors."""

    low: Array
    high: Array

    @classmethod
    def of(cls, data: Array, axis: int) -> Channels:
        """Those of one array, which holds values."""
        others = tuple(k for k in range(data.ndim) if k != axis % data.ndim)
        return cls(data.min(axis=others), data.max(axis=others))

    def add(self, other: Channels) -> None:
        """Widen by what another array held."""
        self.low = np.minimum(self.low, other.low)
        self.high = np.maximum(self.high, other.high)

    def reach(self) -> Array:
        """The largest magnitude in each channel."""
        return np.maximum(-self.low, self.high)


@lru_cache(maxsize=4096)
def _step(size: int) -> int:
    """Every how many values one is counted."""
    step = -(-size // _COUNTED)
    while step > 1 and (size % step == 0 or any(step % k == 0 for k in range(2, step))):
        step += 1
    return step


@dataclass
class TensorRange:
    """Extremes and histogram of everything a tensor has held.

    `zeros` counts the values that were exactly zero, which every quantizer here keeps as they are.
    `channels` holds extremes by axis, for the axes that were asked for.
    """

    low: float = float("inf")
    high: float = float("-inf")
    bound: float = 0.0
    counts: Array = field(default_factory=lambda: np.zeros(BINS, np.int64))
    zeros: int = 0
    channels: dict[int, Channels] = field(default_factory=dict)

    def add(self, data: Array, axes: tuple[int, ...] = ()) -> None:
        """Take in one more array of values, which must be finite; `axes` are those of channels."""
        if data.size == 0:
            return
        self.low = min(self.low, float(data.min()))
        self.high = max(self.high, float(data.max()))
        self._widen(max(-self.low, self.high))
        self._count(np.asarray(data, np.float32).reshape(-1))
        for axis in axes:
            if not -data.ndim <= axis < data.ndim:
                continue
            found = Channels.of(data, axis)
            self.channels.setdefault(axis, found).add(found)

    def _count(self, data: Array) -> None:
        """Add to the bins what is counted of the values."""
        if self.bound == 0.0:
            self.zeros += data.size
            self.counts[BINS // 2] += data.size
            return
        step = _step(data.size)
        part = data[::step]
        self.zeros += step * int(np.count_nonzero(part == 0))
        self._add_bins(part, step)
        if (
            step > 1
        ):  # what is rare is missed by every k-th, and matters most where ends are drawn in
            self._add_bins(np.stack([data.min(), data.max()]), 1)

    def _add_bins(self, part: Array, times: int) -> None:
        # From int32 on to the type that bincount takes: straight from float is far slower.
        scale = np.float32(BINS / 2 / self.bound)
        bins = (part * scale + np.float32(BINS / 2)).astype(np.int32).astype(np.intp)
        found = times * np.bincount(bins, minlength=BINS + 1)
        self.counts += found[:BINS]
        self.counts[-1] += found[BINS]

    def _widen(self, needed: float) -> None:
        if self.bound == 0.0 and needed > 0.0:
            # The first values that are not zero set the unit; zeros lie in the middle of any.
            self.bound = max(needed, _SMALLEST)
        while self.bound < needed:
            kept = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.zeros(BINS, np.int64)
            self.counts[BINS // 4 : BINS // 4 + BINS // 2] = kept
            self.bound *= 2

    def percentile(self, percent: float) -> tuple[float, float]:
        """The range that leaves out (100 - percent)/2 % of the values on either side.

        Exact to one bin (2 * bound / 4096); never wider than the extremes.
        """
        total = self.counts.sum()
        tail = total * (100.0 - percent) / 200.0
        below = np.cumsum(self.counts)
        first = int(np.searchsorted(below, tail, side="right"))
        last = int(np.searchsorted(below, total - tail, side="left"))
        width = 2 * self.bound / BINS
        low, high = first * width - self.bound, (last + 1) * width - self.bound
        return max(low, self.low), min(high, self.high)


Ranges = Mapping[str, TensorRange]
"""What one pass over the calibration data found, by tensor; it serves every scheme."""
