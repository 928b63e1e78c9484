"""How near an artifact's outputs are to the reference's, summed up over a stream of samples.

    SQNR = 10 log10( sum ref^2 / sum (ref - out)^2 )

with both sums taken over all samples, and over all outputs for the pooled figure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mcompile.types import Array, Feeds

EXACT_DB = 200.0
"""Said of outputs without any error: more than float32 can tell apart, and still a number."""

TOLERANCE = 0.01
"""An element agrees within this share of the largest magnitude of the reference output."""


@dataclass
class Tally:
    """What was seen of one output; `agreed` of `compared` are rows (arg-max) or elements."""

    signal: float = 0.0
    noise: float = 0.0
    agreed: int = 0
    compared: int = 0
    max_abs_error: float = 0.0
    varies: bool = False
    first: Array | None = None

    @property
    def is_float(self) -> bool:
        """Whether the output has a signal and noise at all; integers either agree or do not."""
        return self.first is not None and self.first.dtype.kind == "f"

    @property
    def sqnr_db(self) -> float:
        """Signal to noise in decibel, between -200 and 200."""
        return decibel(self.signal, self.noise)

    @property
    def percent(self) -> float:
        """Percent of rows or elements that agree."""
        return 100.0 * self.agreed / self.compared if self.compared else math.nan

    def add(self, reference: Array, output: Array) -> None:
        """Take in one sample's output and what it should be; both of the same shape."""
        self._vary(reference)
        same = (reference == output) | (_nan(reference) & _nan(output))
        if not self.is_float:
            self.agreed, self.compared = self.agreed + int(same.sum()), self.compared + same.size
            return
        wanted, got = reference.astype(np.float64), output.astype(np.float64)
        with np.errstate(invalid="ignore"):
            error = np.where(same, 0.0, np.nan_to_num(np.abs(wanted - got), nan=np.inf))
        finite = np.where(np.isfinite(wanted), wanted, 0.0)
        self.signal += float(np.square(finite).sum())
        self.noise += float(np.square(error).sum())
        self.max_abs_error = max(self.max_abs_error, float(error.max(initial=0.0)))
        self._agree(wanted, got, error, float(np.abs(finite).max(initial=0.0)))

    def _agree(self, wanted: Array, got: Array, error: Array, scale: float) -> None:
        if wanted.ndim == 2 and wanted.shape[1] > 1:
            chosen = np.where(np.isnan(got), -np.inf, got).argmax(axis=1)
            # Where the reference has a tie, any of its best is right.
            agreed = wanted[np.arange(len(wanted)), chosen] == wanted.max(axis=1)
            agreed &= ~np.isnan(got).any(axis=1)
        else:
            agreed = error <= TOLERANCE * scale
        self.agreed, self.compared = self.agreed + int(agreed.sum()), self.compared + agreed.size

    def _vary(self, reference: Array) -> None:
        if self.first is None:
            self.first = np.array(reference)
        elif not self.varies:
            self.varies = self.first.shape != reference.shape or not _close(self.first, reference)

    def constant(self, samples: int) -> str:
        """Why a comparison with this reference output proves nothing; empty where it does."""
        if self.first is None or self.first.size == 0:
            return "is empty"
        if self.varies:
            return ""
        if samples > 1:
            return "is the same for every sample"
        level = np.full_like(self.first, self.first.flat[0])
        return "is constant" if _close(self.first, level) else ""


def decibel(signal: float, noise: float) -> float:
    """10 log10(signal / noise), kept within -200 and 200 so that it stays a number."""
    if noise == 0:
        return EXACT_DB
    if signal == 0 or math.isinf(noise):
        return -EXACT_DB
    return max(-EXACT_DB, min(EXACT_DB, 10 * math.log10(signal / noise)))


def broken(reference: Array, output: Array) -> bool:
    """Whether an output holds NaN, or an infinity that the reference does not have there."""
    if output.dtype.kind != "f":
        return False
    if output.shape != reference.shape:
        return not bool(np.isfinite(output).all())
    return bool((np.isnan(output) | (np.isinf(output) & (output != reference))).any())


def misshapen(reference: Feeds, outputs: Feeds) -> bool:
    """Whether an output is missing or has another shape than the reference's."""
    return any(n not in outputs or outputs[n].shape != a.shape for n, a in reference.items())


def _nan(array: Array) -> Array:
    return np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, dtype=bool)


def _close(a: Array, b: Array) -> bool:
    if a.dtype.kind != "f":
        return bool(np.array_equal(a, b))
    scale = float(np.abs(a[np.isfinite(a)]).max(initial=0.0))
    return bool(np.allclose(a, b, rtol=0.0, atol=1e-6 * scale, equal_nan=True))
