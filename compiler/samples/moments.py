"""Running figures of a stream of numbers, channel by channel.

Mean and sum of squared deviations are merged block by block (Chan, Golub and LeVeque 1979), so
that a mean far from zero costs no precision.
"""

from __future__ import annotations

import numpy as np

from mcompile.types import Array


class Moments:
    """Mean, deviation, lowest and highest of all that was added, a figure for each channel."""

    def __init__(self) -> None:
        self.number = 0
        self.mean: Array = np.zeros(0)
        self.low: Array = np.zeros(0)
        self.high: Array = np.zeros(0)
        self._squares: Array = np.zeros(0)

    def add(self, values: Array) -> None:
        """Take in values of shape channels x anything, as many channels as before."""
        flat = values.reshape(len(values), -1)
        number, mean = flat.shape[1], flat.mean(1)
        squares = np.square(flat - mean[:, None]).sum(1)
        low, high = flat.min(1), flat.max(1)
        if not self.number:
            self.number, self.mean, self._squares = number, mean, squares
            self.low, self.high = low, high
            return
        total, apart = self.number + number, mean - self.mean
        self._squares = self._squares + squares + apart**2 * self.number * number / total
        self.mean = self.mean + apart * number / total
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)
        self.number = total

    @property
    def deviation(self) -> Array:
        """The standard deviation of each channel."""
        return np.asarray(np.sqrt(self._squares / max(self.number, 1)))
