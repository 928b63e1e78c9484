"""How near a 16-bit program is to the float one, and which of its ops carry it away."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np
import onnx_ir as ir

from mcompile.graph import array, dtype_of, name_of, values
from mcompile.oracle import Oracle
from mcompile.quantize.simulate import simulated
from mcompile.types import Array, Program, Samples

_HELD = 4
_EXACT_DB = 200.0


class Nearness:
    """Holds programs against one float program on the first four samples, rounding simulated."""

    def __init__(
        self, program: Program, samples: Samples, half: ir.DataType, threads: int | None = None
    ) -> None:
        self._program, self._half, self._threads = program, half, threads
        self._feeds = [s.feeds for s in islice(samples, _HELD)]
        self._inner = [
            name_of(v)
            for v in values(program.graph.graph)
            if v.producer() is not None and dtype_of(v) == "float32" and array(v) is None
        ]

    def held(self, made: Program) -> float:
        """The SQNR in dB of the worst float output; -200 where one is NaN or infinite."""
        twin, _ = simulated(made, self._half)
        names = [p.name for p in self._program.outputs if p.dtype == "float32"]
        return min(self._compare(twin, names, {}).values(), default=_EXACT_DB)

    def worst(
        self, made: Program, left: Mapping[str, str], number: int, floor: float
    ) -> dict[str, str]:
        """The ops in 16 bits that add most to the error of what they read, with the reason."""
        twin, raw = simulated(made, self._half)
        there = {name_of(v) for v in values(twin.graph.graph) if dtype_of(v) == "float32"}
        found = self._compare(twin, [n for n in self._inner if raw.get(n, n) in there], raw)
        lost = {}
        for node in self._program.graph.graph:
            name = next((v.name for v in node.outputs if v.name in found), None)
            if name is not None and name not in left:
                before = (found[v.name] for v in node.inputs if v is not None and v.name in found)
                lost[name] = min([*before, 2 * floor]) - found[name]
        chosen = sorted(lost, key=lambda n: -lost[n])[:number]
        return {
            n: f"its result was {found[n]:.0f} dB from float32, and the model below {floor:g}"
            for n in chosen
        }

    def _compare(
        self, twin: Program, names: Sequence[str], raw: Mapping[str, str]
    ) -> dict[str, float]:
        """SQNR of each value; those that are zero throughout are left out."""
        one = Oracle(self._program, names, self._threads)
        other = Oracle(twin, [raw.get(n, n) for n in names], self._threads)
        sums = {n: np.zeros(2) for n in names}
        for feeds in self._feeds:
            want, got = one.run(feeds), other.run(feeds)
            for name in names:
                sums[name] += _sums(want[name], got[raw.get(name, name)])
        return {n: _decibel(float(s), float(e)) for n, (s, e) in sums.items() if s}


def _sums(want: Array, got: Array) -> tuple[float, float]:
    """Signal and noise where the signal is finite; endless noise where only the result is not."""
    if want.shape != got.shape:
        return 1.0, math.inf
    places = np.isfinite(want)
    wide = want[places].astype(np.float64)
    error = np.nan_to_num(got[places].astype(np.float64) - wide, nan=np.inf)
    with np.errstate(over="ignore"):
        return float(np.square(wide).sum()), float(np.square(error).sum())


def _decibel(signal: float, noise: float) -> float:
    if noise == 0:
        return _EXACT_DB
    if math.isinf(noise):
        return -_EXACT_DB
    return max(-_EXACT_DB, min(_EXACT_DB, 10 * math.log10(signal / noise)))
