"""What values a tensor takes, learned from a stream in constant memory.

A histogram over [-bound, bound] whose bound doubles when a value falls outside: two neighbouring
bins become one, so counts stay exact and nothing is read twice. Extremes are kept exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mcompile.types import Array

BINS = 2048


@dataclass
class TensorRange:
    """Extremes and histogram of everything a tensor has held."""

    low: float = float("inf")
    high: float = float("-inf")
    bound: float = 0.0
    counts: Array = field(default_factory=lambda: np.zeros(BINS, np.int64))

    def add(self, data: Array) -> None:
        """Take in one more array of values, which must be finite."""
        if data.size == 0:
            return
        self.low = min(self.low, float(data.min()))
        self.high = max(self.high, float(data.max()))
        self._widen(max(-self.low, self.high))
        if self.bound == 0.0:
            self.counts[BINS // 2] += data.size
            return
        scaled = data.ravel().astype(np.float32) * np.float32(BINS / 2 / self.bound)
        bins = np.clip(scaled + np.float32(BINS / 2), 0, BINS - 1).astype(np.int16)
        self.counts += np.bincount(bins, minlength=BINS)

    def _widen(self, needed: float) -> None:
        if self.bound == 0.0:
            # The first values that are not zero set the unit; zeros lie in the middle of any.
            self.bound = needed
        while self.bound < needed:
            kept = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.zeros(BINS, np.int64)
            self.counts[BINS // 4 : BINS // 4 + BINS // 2] = kept
            self.bound *= 2

    def percentile(self, percent: float) -> tuple[float, float]:
        """The range that leaves out (100 - percent)/2 % of the values on either side.

        Exact to one bin (2 * bound / 2048); never wider than the extremes.
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
