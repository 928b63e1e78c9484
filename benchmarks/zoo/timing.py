"""Latency of the variants of one model in one runtime: interleaved, one thread, medians.

Every variant has its turn in each round, the first of the round moving on by one, so that what
happens to the machine happens to all. A turn runs the model a few times; its first run, which
finds the caches cold, is left out, and so are runs during which another process had the core.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zoo.judge import feeds, session

Run = Callable[[], Any]
_TURN = 0.02
_ROUNDS = 5
_LOST = 1.1
"""A run whose wall time is longer than so many times its CPU time shared the core."""


def in_onnxruntime(path: Path, given: dict[str, np.ndarray]) -> Run:
    """One inference with everything that ONNX Runtime does by default, on one thread."""
    run = session(path, optimized=True)
    return lambda: run.run(None, given)


def in_openvino(path: Path, given: dict[str, np.ndarray]) -> Run:
    """One inference in float32 on one thread."""
    import openvino

    asked = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32",
             "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}  # fmt: skip
    made = openvino.Core().compile_model(str(path), "CPU", asked)
    request = made.create_infer_request()
    inputs = list(given.values())
    request.infer(inputs)
    return lambda: request.infer(inputs, share_inputs=True)


RUNTIMES: dict[str, Callable[[Path, dict[str, np.ndarray]], Run]] = {
    "onnxruntime": in_onnxruntime,
    "openvino": in_openvino,
}


def latency(job: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds by variant, of how many runs, how many were disturbed, who does not load."""
    given = feeds(Path(job["folder"]), 0)
    runs: dict[str, Run] = {}
    refused: dict[str, str] = {}
    for name, path in job["paths"].items():
        try:
            runs[name] = RUNTIMES[job["runtime"]](Path(path), given)
            runs[name]()
        except Exception as error:  # the runtime's own classes
            runs.pop(name, None)
            refused[name] = (str(error).strip().splitlines() or [""])[0][:200]
    gc.disable()
    taken = interleaved(runs, job["seconds"])
    return {
        "ms": {n: 1e3 * statistics.median(t.kept or t.disturbed) for n, t in taken.items()},
        "runs": {n: len(t.kept) for n, t in taken.items()},
        "disturbed": sum(len(t.disturbed) for t in taken.values()),
        "refused": refused,
    }


@dataclass
class Times:
    """Seconds of the runs that had the core to themselves, and of those that lost it meanwhile."""

    kept: list[float] = field(default_factory=list)
    disturbed: list[float] = field(default_factory=list)

    def add(self, run: Run) -> None:
        """Run once."""
        wall, cpu = _once(run)
        (self.kept if wall < _LOST * cpu + 5e-5 else self.disturbed).append(wall)


def interleaved(runs: dict[str, Run], seconds: float) -> dict[str, Times]:
    """The times of every variant; on a busy machine it takes up to four times as long."""
    taken = {name: Times() for name in runs}
    names = list(runs)
    spans = {name: min(_once(run)[1] for _ in range(2)) for name, run in runs.items()}
    began, rounds, aim = time.perf_counter(), 0, seconds * len(names)
    while names:
        spent = time.perf_counter() - began
        short = rounds < _ROUNDS or min(len(t.kept) for t in taken.values()) < _ROUNDS
        if spent > aim and (not short or spent > 4 * aim):
            break
        turn = rounds % len(names)
        for name in names[turn:] + names[:turn]:
            runs[name]()
            for _ in range(max(1, min(20, int(_TURN / max(spans[name], 1e-6))))):
                taken[name].add(runs[name])
        rounds += 1
    return taken


def _once(run: Run) -> tuple[float, float]:
    """Seconds on the wall, and of this process on the core."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu
