"""Latency of all files of one model, interleaved, on one thread of one core.

Only runs that had the core to themselves count. Where another process took it too often there is
no figure at all: a median over the runs that were left compares the files with the other process.
"""

from __future__ import annotations

import gc
import statistics
from functools import partial
from pathlib import Path
from typing import Any

from zoo.timing import Times, interleaved

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
    gc.disable()
    taken = interleaved(runs, job["seconds"])
    kept, lost = (sum(len(x) for x in part) for part in _parts(taken))
    busy = lost > _LOST * (kept + lost) or any(len(t.kept) < _LEAST for t in taken.values())
    told = {
        "runs": {n: len(t.kept) for n, t in taken.items()},
        "disturbed": lost / max(1, kept + lost),
        "refused": refused,
    }
    if busy:
        return told | {"error": f"the core was busy: {lost} of {kept + lost} runs were disturbed"}
    return told | {"ms": {n: 1e3 * statistics.median(t.kept) for n, t in taken.items()}}


def _parts(taken: dict[str, Times]) -> tuple[list[list[float]], list[list[float]]]:
    return [t.kept for t in taken.values()], [t.disturbed for t in taken.values()]
