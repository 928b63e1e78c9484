"""Whether the same input gives the same output, run after run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mcompile.backend import Executor
from mcompile.types import Array, Feeds, Measured


def stability(executor: Executor, feeds: Feeds, *, runs: int = 10) -> tuple[Measured, Measured]:
    """`stability_std` and `determinism` over repeated runs of one input.

    The first is the largest standard deviation of any output element, over the largest magnitude
    of that output; the second counts the runs that differed from the first in any bit.
    """
    outputs = _copies(executor, feeds)
    first = next(outputs)
    spread = {name: _Spread(array) for name, array in first.items() if array.dtype.kind == "f"}
    differed = 0
    for _ in range(runs - 1):
        made = next(outputs)
        differed += not _same(first, made)
        for name, seen in spread.items():
            seen.add(made[name])
    worst = max((s.relative() for s in spread.values()), default=0.0)
    note = f"{runs} runs of one input"
    return (
        Measured("stability_std", worst, "", note=note),
        Measured("determinism", float(differed), "runs", note=note),
    )


def _copies(executor: Executor, feeds: Feeds) -> Iterator[dict[str, Array]]:
    # A runtime may hand out the same buffer each time.
    while True:
        yield {name: np.array(array) for name, array in executor.run(feeds).items()}


def _same(first: Feeds, second: Feeds) -> bool:
    return first.keys() == second.keys() and all(
        a.shape == second[n].shape and a.tobytes() == second[n].tobytes() for n, a in first.items()
    )


class _Spread:
    """Running mean and variance of each element (Welford), in float64."""

    def __init__(self, first: Array) -> None:
        self._count = 1
        self._mean = first.astype(np.float64)
        self._squares = np.zeros_like(self._mean)
        self._broken = False

    def add(self, array: Array) -> None:
        if array.shape != self._mean.shape:
            self._broken = True
            return
        self._count += 1
        # What is the same infinity or NaN every time has not moved.
        with np.errstate(invalid="ignore"):
            moved = np.where(_equal(array, self._mean), 0.0, array - self._mean)
        self._mean = self._mean + moved / self._count
        with np.errstate(invalid="ignore"):
            self._squares += moved * np.where(moved == 0, 0.0, array - self._mean)

    def relative(self) -> float:
        if self._broken:
            return float("nan")
        if self._mean.size == 0:
            return 0.0
        finite = np.abs(self._mean[np.isfinite(self._mean)])
        scale = float(finite.max()) if finite.size else 0.0
        return float(np.sqrt(self._squares / self._count).max()) / (scale or 1.0)


def _equal(a: Array, b: Array) -> Array:
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))
