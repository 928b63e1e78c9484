"""Runs each piece of work in a process of its own, and says what it cost or how it ended.

A server imports one tool and nothing else, and forks for every job: an import is paid for once, a
crash ends the job alone, and the peak memory of a child that does nothing is what is taken off.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Job = dict[str, Any]
Work = Callable[[Job], Any]
_QUIET = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "",
          "HF_HUB_OFFLINE": "1", "OPENVINO_TELEMETRY": "0"}  # fmt: skip


def serve(work: Work, limit: float) -> None:
    """Answer each job, a JSON line on stdin, with a JSON line on stdout, until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a tool prints is not an answer
    base = _forked(lambda _: None, {}, limit)["peak_mb"]
    for line in sys.stdin:
        told = _forked(work, json.loads(line), limit)
        told["peak_mb"] = max(0.0, told["peak_mb"] - base)
        answers.write(json.dumps(told) + "\n")
        answers.flush()


def _forked(work: Work, job: Job, limit: float) -> dict[str, Any]:
    read, write = os.pipe()
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.close(read)
        _child(work, job, write)
    os.close(write)
    text = _until_end(read, began + limit)
    if text is None:
        os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    told = {"wall": time.perf_counter() - began, "cpu": used.ru_utime + used.ru_stime,
            "peak_mb": used.ru_maxrss / 1024}  # fmt: skip
    if text is None:
        return told | {"error": f"not done after {limit:.0f} s"}
    if os.WIFSIGNALED(status):
        return told | {"error": f"crashed: {signal.Signals(os.WTERMSIG(status)).name}"}
    return told | (json.loads(text) if text else {"error": f"ended with {status}"})


def _child(work: Work, job: Job, write: int) -> None:
    try:
        answer = {"value": work(job)}
    except BaseException as error:  # tools raise everything there is
        lines = [x.strip() for x in str(error).splitlines() if x.strip()] or [""]
        answer = {"error": f"{type(error).__name__}: {lines[0][:300]}"}
    with os.fdopen(write, "w") as out:
        json.dump(answer, out)
    os._exit(0)


def _until_end(read: int, deadline: float) -> str | None:
    parts = []
    with os.fdopen(read, "rb", buffering=0) as source:
        while select.select([source], [], [], max(0.0, deadline - time.perf_counter()))[0]:
            part = source.read(1 << 16)
            if not part:
                return b"".join(parts).decode()
            parts.append(part)
    return None


def _answer(server: subprocess.Popen[str], job: Job) -> str:
    if server.stdin is None or server.stdout is None:
        return ""
    server.stdin.write(json.dumps(job) + "\n")
    server.stdin.flush()
    return server.stdout.readline()


class Workshop:
    """The servers of one run, started when first asked."""

    def __init__(self, script: Path, core: int, log: Path) -> None:
        self._script, self._core, self._log = script, core, log
        self._servers: dict[str, subprocess.Popen[str]] = {}

    def ask(self, server: str, job: Job) -> dict[str, Any]:
        """What came of the job: `value` or `error`, `wall` and `cpu` seconds, `peak_mb`."""
        found = self._servers.get(server)
        if found is None or found.poll() is not None:
            found = self._servers[server] = self._started(server)
        line = _answer(found, job)
        told: dict[str, Any] = json.loads(line) if line else {"error": "the server ended"}
        return told

    def _started(self, server: str) -> subprocess.Popen[str]:
        words = [sys.executable, str(self._script), "--serve", server, "--core", str(self._core)]
        with self._log.open("a") as log:
            return subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                env=os.environ | _QUIET,
            )  # fmt: skip

    def close(self) -> None:
        """End the servers."""
        for server in self._servers.values():
            if server.stdin is not None:
                server.stdin.close()
            server.wait()
