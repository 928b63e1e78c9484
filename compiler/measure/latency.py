"""Time of one run, the executors taking turns so that their figures can be compared.

The executors take short turns in one loop, so that whatever else the machine does meets all of
them alike. A turn is some runs long and opens with runs that are not counted: a runtime's idle
threads spin for a while after its last run, and on two cores a strict A B A B took 12 ms where
each alone took 7.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from mcompile.backend import Executor
from mcompile.types import Feeds, Measured

TURN_RUNS, TURN_MS = 20, 500.0
SETTLE_RUNS, SETTLE_MS = 5, 100.0
P99_RUNS = 100
_STEADY = 0.05
_WINDOW = 5

Clock = Callable[[], int]


def interleaved(
    executors: Mapping[str, Executor],
    feeds: Feeds,
    *,
    runs: int = 200,
    seconds: float = 30.0,
    warmup: int = 50,
    clock: Clock = time.perf_counter_ns,
) -> Mapping[str, tuple[float, ...]]:
    """Milliseconds of each counted run, by executor, in the order they were made.

    Ends when each has `runs` runs or, after everybody had a turn, `seconds` have passed. `warmup`
    is the most runs before counting; fewer where the times have settled to within 5 %.
    """
    for executor in executors.values():
        _warm(executor, feeds, warmup, clock)
    times: dict[str, list[float]] = {name: [] for name in executors}
    begin = clock()
    while True:
        for name, executor in executors.items():
            if len(executors) > 1:
                _turn(executor, feeds, SETTLE_RUNS, SETTLE_MS, clock)
            left = min(TURN_RUNS, runs - len(times[name]))
            times[name] += _turn(executor, feeds, left, TURN_MS, clock)
        enough = all(len(made) >= runs for made in times.values())
        if enough or clock() - begin >= seconds * 1e9:
            return {name: tuple(made) for name, made in times.items()}


def summarize(times: Sequence[float]) -> tuple[Measured, ...]:
    """Percentiles, mean and extremes of the times (ms), linear between neighbours.

    A p99 of fewer than 100 runs says so in its note: it is then little more than the maximum.
    """
    made = np.asarray(times, dtype=np.float64)
    if made.size == 0:
        return ()
    figures = {f"latency_p{q}_ms": float(np.percentile(made, q)) for q in (50, 90, 95, 99)}
    figures["latency_mean_ms"] = float(made.mean())
    figures["latency_min_ms"] = float(made.min())
    figures["latency_max_ms"] = float(made.max())
    return tuple(Measured(n, v, "ms", note=_note(n, made.size)) for n, v in figures.items())


def _note(name: str, runs: int) -> str:
    if name == "latency_p99_ms" and runs < P99_RUNS:
        return f"{runs} runs: too few for a 99th percentile, which takes {P99_RUNS}"
    return f"{runs} runs"


def _turn(
    executor: Executor, feeds: Feeds, runs: int, limit_ms: float, clock: Clock
) -> list[float]:
    times: list[float] = []
    while len(times) < runs and sum(times) < limit_ms:
        times.append(_once(executor, feeds, clock))
    return times


def _warm(executor: Executor, feeds: Feeds, most: int, clock: Clock) -> None:
    times: list[float] = []
    while len(times) < most:
        times.append(_once(executor, feeds, clock))
        if _settled(times):
            return


def _settled(times: Sequence[float]) -> bool:
    if len(times) < 2 * _WINDOW:
        return False
    before = float(np.median(times[-2 * _WINDOW : -_WINDOW]))
    return abs(float(np.median(times[-_WINDOW:])) - before) <= _STEADY * before


def _once(executor: Executor, feeds: Feeds, clock: Clock) -> float:
    begin = clock()
    executor.run(feeds)
    return (clock() - begin) / 1e6
