"""Which ends the integers of each activation should have, by the error that its readers make of it.

A tensor x that is held as Q(x) costs each reader f the noise |f(Q(x)) - f(x)|^2, measured on
samples and held against |f(x)|^2. In a layer's result an error weighs by the weights that read it,
and what is clipped adds up where roundings cancel. At the network's output a single tensor's error
tells less: choices made by it were worse on other samples.

With few samples the best of many ends is the luckiest. So the best on one half of the samples must
do better on the other half too, both ways round and by a margin; else the extremes stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from mcompile.graph import name_of
from mcompile.quantize.clipping import Range, candidates
from mcompile.quantize.ranges import Ranges
from mcompile.quantize.readers import Reader, readers, rounded
from mcompile.quantize.walk import Walk
from mcompile.types import Array, Feeds, Program, QuantPlan, Scheme

_LEVELS = {"uint8": 256, "int8": 256, "uint16": 65536, "int16": 65536}
_MARGIN = 0.05
"""The share of its noise that a tensor must lose on samples it was not chosen by."""

_ROUNDS = {4: 6, 12: 3}
"""After so many samples, how many of those that do better than the extremes stay in the race."""

_LEAST = 4
_SMALLEST = 1e-12


def choose(
    source: Program,
    ranges: Ranges,
    plan: QuantPlan,
    scheme: Scheme,
    feeds: Sequence[Feeds],
    *,
    threads: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, Range]:
    """The ends of the tensors that should not reach their extremes, most rewarding ones first.

    `feeds` are a few dozen calibration samples; from fewer than four nothing is learned. `plan` is
    one without clips, fresh from planning: tensors that share their parameters there share their
    ends here. What leaves the graph keeps its extremes, and so does what was not reached when
    `stop` said that it is enough.
    """
    if len(feeds) < _LEAST:
        return {}
    read = {name: n for name, n in readers(source, plan, scheme).items() if n and name in ranges}
    groups = _groups(ranges, plan, scheme)
    outputs = {p.name for p in source.outputs}
    walk = Walk(source, [*read, *outputs], feeds, threads=threads)
    left = set(read)
    for name, nodes in read.items():
        if stop():
            break
        data, group = walk.to(name), groups[id(plan.tensors[name])]
        # What only hands integers on within the group rounds nothing again.
        others = [n for n in nodes if name_of(n.outputs[0]) not in group.names]
        group.over(data, [Reader(n, name, source, threads) for n in others])
        left.discard(name)
    done = [g for g in groups.values() if (left | outputs).isdisjoint(g.names)]
    won = sorted((w for g in done if (w := g.won()) is not None), key=lambda w: -w[1])
    return {name: ends for ends, _, names in won for name in names}


def _groups(ranges: Ranges, plan: QuantPlan, scheme: Scheme) -> dict[int, _Race]:
    """The tensors of one scale together, by the identity of their parameters."""
    names: dict[int, list[str]] = {}
    for name, params in plan.tensors.items():
        if name in ranges:
            names.setdefault(id(params), []).append(name)
    return {key: _Race.of(held, ranges, scheme) for key, held in names.items()}


@dataclass
class _Race:
    """Tensors of one scale, and the noise of each candidate on either half of the samples.

    The first candidate is that of the extremes.
    """

    names: Sequence[str]
    ends: Sequence[Range]
    grids: Sequence[tuple[float, int, int]]
    noise: Array = field(init=False)

    @classmethod
    def of(cls, names: Sequence[str], ranges: Ranges, scheme: Scheme) -> _Race:
        """The race of those tensors: the widest of them proposes, and none loses its extremes."""
        held = [ranges[n] for n in names]
        widest = max(held, key=lambda r: r.high - r.low)
        levels, symmetric = _LEVELS[scheme.activations], scheme.symmetric_activations
        whole = min(r.low for r in held), max(r.high for r in held)
        ends = [whole, *candidates(widest, levels, symmetric)[1:]]
        return cls(names, ends, [_grid(e, levels, symmetric) for e in ends])

    def __post_init__(self) -> None:
        self.noise = np.zeros((len(self.ends), 2))

    def over(self, data: Sequence[Array], readers: Sequence[Reader]) -> None:
        """Add the noise of one tensor, relative to what its readers make of it."""
        if not readers:
            return
        found = np.zeros((len(readers), len(self.ends), 2))
        signal = np.zeros(len(readers))
        running = [k for k in range(len(self.ends)) if np.isfinite(self.noise[k]).all()]
        for index, x in enumerate(data):
            exact = [r.of(x) for r in readers]
            signal += [_power(y) for y in exact]
            for k in running:
                held = rounded(x, *self.grids[k])
                noises = [_power(r.of(held) - y) for r, y in zip(readers, exact, strict=True)]
                found[:, k, index % 2] += noises
            if index + 1 in _ROUNDS:
                so_far = _relative(found, signal).sum(axis=1)
                better = [k for k in running[1:] if so_far[k] < so_far[0]]
                running = [0, *sorted(better, key=lambda k: so_far[k])[: _ROUNDS[index + 1]]]
            if len(running) < 2:
                break
        given_up = np.setdiff1d(np.arange(len(self.ends)), running)
        self.noise += _relative(found, signal)
        self.noise[given_up] = np.inf

    def won(self) -> tuple[Range, float, Sequence[str]] | None:
        """The ends to take, the noise that they save, and of which; None for the extremes."""
        safe = []
        for chosen_by in (0, 1):
            best = int(self.noise[:, chosen_by].argmin())
            if best == 0 or (self.noise[best] >= (1 - _MARGIN) * self.noise[0]).any():
                return None
            safe.append(best)
        best = min(safe, key=lambda k: float(self.noise[k].sum()))
        return self.ends[best], float(self.noise[0].sum() - self.noise[best].sum()), self.names


def _grid(ends: Range, levels: int, symmetric: bool) -> tuple[float, int, int]:
    """The step of integers with those ends, and the first and the last of them; zero is one."""
    low, high = min(ends[0], 0.0), max(ends[1], 0.0)
    if symmetric:
        last = levels // 2 - 1
        return max(-low, high, _SMALLEST) / last, -last, last
    step = max((high - low) / (levels - 1), _SMALLEST)
    first = round(low / step)
    return step, first, first + levels - 1


def _power(data: Array) -> float:
    flat = data.reshape(-1)
    return float(np.dot(flat, flat))


def _relative(found: Array, signal: Array) -> Array:
    """The sum over readers of noise by signal, [candidates, halves]."""
    usable = signal > 0
    return np.asarray((found[usable] / signal[usable, None, None]).sum(axis=0))
