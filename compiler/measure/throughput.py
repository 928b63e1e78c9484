"""How many inputs a second: batch / time."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from mcompile.backend import Executor
from mcompile.measure.latency import Clock, interleaved
from mcompile.types import Feeds, Measured, Port


def throughput(
    executor: Executor,
    feeds: Feeds,
    inputs: Sequence[Port],
    *,
    batch: int = 1,
    runs: int = 100,
    seconds: float = 10.0,
    clock: Clock = time.perf_counter_ns,
) -> Measured:
    """`throughput_qps` at that batch, or at batch 1 with a note where the program has no batch."""
    chosen, size, note = batched(feeds, inputs, batch)
    made = interleaved({"": executor}, chosen, runs=runs, seconds=seconds, clock=clock)[""]
    return Measured("throughput_qps", _rate(made, size), "1/s", note=note)


def fps(times: Sequence[float]) -> tuple[Measured, ...]:
    """`fps` from the times (ms) of single inputs run one after the other; none without times."""
    if not times:
        return ()
    return (Measured("fps", _rate(times, 1), "1/s", note="one input after the other"),)


def batched(feeds: Feeds, inputs: Sequence[Port], batch: int) -> tuple[Feeds, int, str]:
    """Feeds of `batch` copies where every input leads with the same open dimension.

    Otherwise the feeds as they are, 1, and why.
    """
    leading = {port.shape[0] if port.shape else None for port in inputs}
    size = leading.pop() if len(leading) == 1 else None
    if not isinstance(size, str):
        told = "batch 1" if batch == 1 else f"batch 1, not {batch}: the leading dimension is fixed"
        return feeds, 1, told
    one = {name: a[:1] for name, a in feeds.items()}
    many = {name: np.repeat(a, batch, axis=0) for name, a in one.items()}
    return many, batch, f"batch {batch}"


def _rate(times: Sequence[float], batch: int) -> float:
    spent = sum(times)
    return batch * len(times) * 1e3 / spent if spent > 0 else float("nan")
