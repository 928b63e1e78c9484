"""Latency of all files of one model, interleaved, on one thread and on two.

On one thread and one core a run that another process disturbed shows by its CPU time: medians are
of the others. On two threads it does not; there the lower quartile of all runs is told, which a
busy machine moves least.
"""

from __future__ import annotations

import gc
import os
import statistics
from pathlib import Path
from typing import Any

from quantization_contest.data import table
from quantization_contest.pace import medians
from zoo.timing import Run, interleaved

from litert_contest.running import Runner

_LEAST = 20


def pace(job: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds by name on so many threads, of how many runs, and who does not load."""
    feeds = table(Path(job["evaluation"]), Path(job["model"]), 1).feeds(0)
    cores = sorted(os.sched_getaffinity(0))[: job["threads"]]
    os.sched_setaffinity(0, cores)
    runs: dict[str, Run] = {}
    refused = {}
    for name, path in job["paths"].items():
        try:
            runner = Runner(Path(path), feeds, job["threads"])
            runner.invoke()
            runs[name] = runner.invoke
        except (RuntimeError, ValueError) as error:
            refused[name] = str(error)[:200]
    told = {"refused": refused, "load": os.getloadavg()[0], "cores": len(cores)}
    if job["threads"] == 1:
        return told | _alone(runs, job["seconds"])
    return told | _together(runs, job["seconds"])


def _alone(runs: dict[str, Run], seconds: float) -> dict[str, Any]:
    """Wall time where the core was free, else that of the CPU; `clock` says which."""
    told = medians(runs, seconds, _LEAST)
    clock = "wall" if "ms" in told else "CPU"
    error = told.pop("error", "")
    return told | {"ms": told.get("ms", told["cpu_ms"]), "clock": clock, "why": error}


def _together(runs: dict[str, Run], seconds: float) -> dict[str, Any]:
    gc.disable()
    taken = interleaved(runs, seconds)
    spent = {n: sorted([*t.kept, *t.disturbed]) for n, t in taken.items()}
    return {
        "ms": {n: 1e3 * statistics.quantiles(s, n=4)[0] for n, s in spent.items()},
        "runs": {n: len(s) for n, s in spent.items()},
        "clock": "wall, lower quartile",
    }
