"""What a stretch of work took: CPU seconds, its processes' included, and memory on top."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_RESET_PEAK = "5"
"""Written to Linux's clear_refs, it sets the peak to what is held now (proc(5))."""


@contextmanager
def spent() -> Iterator[dict[str, Any]]:
    """CPU `seconds`, and `mb_on_top` of what was held before, filled in at the end."""
    told: dict[str, Any] = {}
    Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
    before, cpu = _held("VmRSS"), _cpu()
    yield told
    others = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    told |= {"seconds": _cpu() - cpu, "mb_on_top": max(_held("VmHWM") - before, others)}


def _cpu() -> float:
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def _held(what: str) -> float:
    """MB that the system says of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(x for x in lines if x.startswith(what)).split()[1]) / 1024
