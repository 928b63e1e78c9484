"""Memory of running an artifact, taken in a process of its own so that nothing else is in it."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable

from mcompile.backend import Executor
from mcompile.errors import Broken, ContractError
from mcompile.types import Feeds, Measured

Open = Callable[[], Executor]


def peak(
    open_executor: Open, feeds: Feeds, *, runs: int = 5, seconds: float = 300.0
) -> tuple[Measured, Measured]:
    """`memory_peak_mb` and `memory_process_mb` (MB = 10^6 bytes) of opening and running.

    The first is what opening and running added to a process that had the runtime's library loaded
    and the inputs at hand; the second is that process as a whole. `open_executor` must be
    picklable and importable without the caller's main script. Raises `ContractError` where the
    child died, failed, or was still at it after `seconds`.
    """
    try:
        request = pickle.dumps((open_executor, dict(feeds), runs))
    except Exception as error:  # pickle raises whatever the object's own hooks raise
        raise Broken(
            "what opens the artifact cannot be sent to another process",
            where=f"{open_executor!r}: {error}",
            fix="use a function of a module, or functools.partial over one",
        ) from error
    answer = json.loads(_ask(request, seconds))
    if "error" in answer:
        raise _failed(str(answer["error"]))
    before, most = float(answer["before"]), float(answer["peak"])
    note = f"{runs} runs in a process of their own"
    return (
        Measured("memory_peak_mb", max(0.0, most - before) / 1e6, "MB", note=note),
        Measured("memory_process_mb", most / 1e6, "MB", note=note),
    )


def _ask(request: bytes, seconds: float) -> bytes:
    # The child gets our import path before it imports anything: `-m` would look in the working
    # directory first, and the caller's main script must not be run a second time.
    first = f"import sys; sys.path[:] = {sys.path!r}"
    command = [sys.executable, "-c", f"{first}; from mcompile.measure.child import main; main()"]
    try:
        done = subprocess.run(
            command, input=request, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(f"no answer in {seconds:g} s") from error
    if done.returncode != 0 or not done.stdout:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise _failed(f"exit status {done.returncode}: {(told or ['no message'])[-1][:200]}")
    return done.stdout


def _failed(reason: str) -> ContractError:
    return ContractError(
        "the artifact did not run in a fresh process, so its memory is not known",
        where=reason,
        fix="run `mcompile check` on the folder; -v shows the runtime's own words",
    )
