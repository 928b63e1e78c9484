"""What tensors hold once each channel was divided by a number, from what they held before.

The extremes of a channel divide exactly, and with them those of the tensor. Where channels were
not observed, the samples say how far the tensor reaches; they are fewer than were observed, so
that is stretched as the extremes of all exceeded those of these before. A histogram of all
channels together does not divide: it is taken anew from the samples. Without samples it holds
the two extremes alone, for which every way to choose a range answers the extremes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mcompile.oracle import Oracle
from mcompile.quantize.ranges import Channels, Ranges, TensorRange
from mcompile.types import Array, Feeds, Program

Factors = dict[str, tuple[str, Array]]
"""By tensor of the new program: the tensor of the old one that it is, and by what it is divided.

Divisors have the rank of the tensor."""


def restated(
    source: Program,
    ranges: Ranges,
    factors: Factors,
    feeds: Sequence[Feeds] = (),
    threads: int | None = None,
) -> Ranges:
    """The ranges of the new program. `feeds` are a handful of calibration samples of the old."""
    touched = {n: f for n, f in factors.items() if f[0] in ranges and (f[1] != 1.0).any()}
    plain = {n: ranges[f[0]] for n, f in factors.items() if f[0] in ranges and n not in touched}
    few = _few(source, touched, feeds, threads)
    return {**ranges, **plain, **{n: _one(ranges[f[0]], f[1], few[n]) for n, f in touched.items()}}


class _Few:
    """A tensor on a few samples: divided, and its extremes as it was."""

    def __init__(self) -> None:
        self.divided, self.was = TensorRange(), TensorRange()

    def add(self, data: Array, divisor: Array) -> None:
        self.divided.add((data / divisor).astype(np.float32))
        self.was.low = min(self.was.low, float(data.min(initial=np.inf)))
        self.was.high = max(self.was.high, float(data.max(initial=-np.inf)))


def _few(
    source: Program, touched: Factors, feeds: Sequence[Feeds], threads: int | None
) -> Mapping[str, _Few]:
    found = {name: _Few() for name in touched}
    if not feeds or not touched:
        return found
    fed = {p.name for p in source.inputs}
    oracle = Oracle(source, sorted({f[0] for f in touched.values()} - fed), threads)
    for each in feeds:
        held = {**each, **oracle.run(each)}
        for name, (old, divisor) in touched.items():
            found[name].add(held[old], divisor)
    return found


def _one(old: TensorRange, divisor: Array, few: _Few) -> TensorRange:
    channels = _channels(old, divisor)
    if channels:
        low = min(float(c.low.min()) for c in channels.values())
        high = max(float(c.high.max()) for c in channels.values())
    elif few.divided.counts.any():
        low = _stretched(few.divided.low, few.was.low, old.low)
        high = _stretched(few.divided.high, few.was.high, old.high)
    else:  # no channel reaches further than the widest one divided by the least
        reach = 1.0 / divisor
        low = old.low * float(reach.max() if old.low < 0 else reach.min())
        high = old.high * float(reach.max() if old.high > 0 else reach.min())
    found = few.divided
    found.add(np.asarray([low, high], np.float32))
    found.channels = channels
    return found


def _stretched(end: float, was: float, all_of_it: float) -> float:
    """The end of a few samples, as much further from zero as that of all samples was."""
    return end * max(1.0, all_of_it / was) if was * all_of_it > 0.0 else end


def _channels(old: TensorRange, divisor: Array) -> dict[int, Channels]:
    """The extremes by channel, where no other axis was divided unevenly."""
    found = {}
    for axis, held in old.channels.items():
        if divisor.shape[axis % divisor.ndim] == divisor.size == held.low.size:
            by = divisor.reshape(-1)
            low, high = (held.low / by), (held.high / by)
            found[axis] = Channels(low.astype(np.float32), high.astype(np.float32))
    return found
