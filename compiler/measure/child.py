"""The other end of `memory`: opens and runs an artifact, and reports this process' memory.

Asked by pickle on stdin, answers one JSON object on stdout; whatever the runtime prints goes to
stderr.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import sys
from pathlib import Path

import psutil

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def main() -> None:
    """Serve one request and end."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        answer: dict[str, object] = dict(_measured(sys.stdin.buffer.read()))
    except Exception as error:  # whatever a runtime raises is told to the parent, not lost
        answer = {"error": f"{type(error).__name__}: {error}"}
    with answers:
        json.dump(answer, answers)


def _measured(request: bytes) -> dict[str, int]:
    open_executor, feeds, runs = pickle.loads(request)
    del request
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5")  # forget the peak that importing left behind
    before = psutil.Process().memory_info().rss
    with open_executor() as executor:
        for _ in range(runs):
            executor.run(feeds)
        return {"before": before, "peak": peak_bytes()}


def peak_bytes() -> int:
    """The most memory this process had resident.

    Not `getrusage` on Linux: there a child inherits the peak of the process that started it.
    """
    if _STATUS.is_file():
        words = next(w for w in map(str.split, _STATUS.open()) if w and w[0] == "VmHWM:")
        return int(words[1]) * 1024
    info = psutil.Process().memory_info()
    if sys.platform == "win32":
        return int(info.peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
