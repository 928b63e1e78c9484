"""Latency of all files of one model, interleaved, on one thread of one core.

Only runs that had the core to themselves count. Where another process took it too often there is
no figure at all: a median over the runs that were left compares the files with the other process.
"""

from __future__ import annotations

import gc
import statistics
import time
from functools import partial
from pathlib import Path
from typing import Any

from zoo.timing import Run, Times, interleaved

from quantization_contest.data import table
from quantization_contest.runtimes import RUNTIMES

_LEAST = 20
"""Undisturbed runs of each file without which there is no median."""
_LOST = 0.02
"""Share of disturbed runs above which none is believed."""


def pace(job: dict[str, Any]) -> dict[str, Any]:
    """Median milliseconds by name, of how many runs, and who does not load."""
    feeds = table(Path(job["evaluation"]), Path(job["model"]), 1).feeds(0)
    runs, refused = {}, {}
    for name, path in job["paths"].items():
        try:
            runs[name] = partial(RUNTIMES[job["runtime"]](Path(path), feeds), feeds)
            runs[name]()
        except Exception as error:  # the runtime's own classes
            runs.pop(name, None)
            refused[name] = str(error)[:200]
    return {"refused": refused} | medians(runs, job["seconds"], _LEAST)


def medians(runs: dict[str, Run], seconds: float, least: int) -> dict[str, Any]:
    """Median milliseconds by name, of how many runs; none where too many were disturbed.

    `cpu_ms` are those of the CPU, over all runs, whoever had the core meanwhile.
    """
    gc.disable()
    spent: dict[str, list[float]] = {name: [] for name in runs}
    taken = interleaved({n: partial(_counted, r, spent[n]) for n, r in runs.items()}, seconds)
    kept, lost = (sum(len(x) for x in part) for part in _parts(taken))
    few = min((len(t.kept) for t in taken.values()), default=0) < least
    told = {
        "runs": {n: len(t.kept) for n, t in taken.items()},
        "disturbed": lost / max(1, kept + lost),
        "cpu_ms": {n: 1e3 * statistics.median(s) for n, s in spent.items() if s},
    }
    if lost > _LOST * (kept + lost):
        return told | {"error": f"the core was busy: {lost} of {kept + lost} runs were disturbed"}
    if few:
        return told | {"error": f"fewer than {least} undisturbed runs of a file"}
    return told | {"ms": {n: 1e3 * statistics.median(t.kept) for n, t in taken.items()}}


def _counted(run: Run, spent: list[float]) -> None:
    began = time.process_time()
    run()
    spent.append(time.process_time() - began)


def _parts(taken: dict[str, Times]) -> tuple[list[list[float]], list[list[float]]]:
    return [t.kept for t in taken.values()], [t.disturbed for t in taken.values()]
