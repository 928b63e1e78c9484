"""Programs run and timed as the backend writes them, while it is still open which one is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from math import inf, isfinite
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mcompile.backend import Executor
from mcompile.errors import ContractError, LoweringError
from mcompile.measure.agreement import EXACT_DB, decibel
from mcompile.measure.latency import interleaved
from mcompile.oracle import Oracle
from mcompile.quantize.recipe import Score
from mcompile.request import Request
from mcompile.types import Feeds, Program

_RUNS, _SECONDS, _WARM = 10, 1.0, 3


class Trials:
    """Measures programs side by side on samples that nothing was learned from.

    `wanted` is what the float program gives on them.
    """

    def __init__(self, request: Request, reference: Program, feeds: Sequence[Feeds]) -> None:
        self._request, self._feeds = request, feeds
        oracle = Oracle(reference, threads=request.threads)
        self._wanted = [oracle.run(f) for f in feeds]

    def __call__(self, programs: Sequence[Program], timed: bool = False) -> Sequence[Score]:
        """The score of each program; one that cannot be written or run has the worst there is.

        Without `timed` the latency is not taken, and is 0.
        """
        scores = [Score(-EXACT_DB, inf)] * len(programs)
        with TemporaryDirectory() as folder, ExitStack() as stack:
            running: dict[str, Executor] = {}
            for index, each in enumerate(programs):
                with suppress(LoweringError, ContractError):
                    place = Path(folder) / str(index)
                    place.mkdir()
                    running[str(index)] = stack.enter_context(self._opened(each, place))
            got = {n: run for n, e in running.items() if (run := self._run(e)) is not None}
            running = {n: e for n, e in running.items() if n in got}
            times = self._times(running) if timed else dict.fromkeys(running, 0.0)
        for name, outputs in got.items():
            scores[int(name)] = Score(self._sqnr(outputs), times[name])
        return scores

    def _run(self, executor: Executor) -> list[Feeds] | None:
        with suppress(LoweringError):
            return [executor.run(f) for f in self._feeds]
        return None

    def _times(self, running: Mapping[str, Executor]) -> dict[str, float]:
        """The median time of each, in milliseconds; 0 where another machine stands in."""
        timed = {n: e for n, e in running.items() if not e.stands_in}
        feeds = self._feeds[0]
        times = interleaved(timed, feeds, runs=_RUNS, seconds=_SECONDS, warmup=_WARM)
        medians = {name: float(np.median(taken)) for name, taken in times.items()}
        return dict.fromkeys(running, 0.0) | medians

    def _opened(self, program: Program, place: Path) -> Executor:
        request = self._request
        return request.backend.rehearse(program, request.integers, place, request.threads)

    def _sqnr(self, outputs: Sequence[Feeds]) -> float:
        """SQNR in dB of the worst float output."""
        found = [EXACT_DB]
        for name in (n for n, a in self._wanted[0].items() if a.dtype.kind == "f"):
            signal = noise = 0.0
            for one, other in zip(self._wanted, outputs, strict=True):
                exact = one[name].astype(np.float64)
                signal += float((exact**2).sum())
                noise += float(((exact - other[name]) ** 2).sum())
            found.append(decibel(signal, noise if isfinite(noise) else inf))
        return min(found)
