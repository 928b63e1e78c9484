"""Servers that do one kind of work each: import once, then a process of its own for every job."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Mapping
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from zoo.workshop import Work, serve

Job = dict[str, Any]
_LIMIT = 7200.0
_QUIET = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
          "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "OPENVINO_TELEMETRY": "0",
          "NNCF_DISABLE_TELEMETRY": "1", "TQDM_DISABLE": "1"}  # fmt: skip
_FUNCTIONS = {"refer": "score", "score": "score", "pace": "pace", "lay": "laying",
              "load": "loading", "kernels": "kernels"}  # fmt: skip
"""The file of this folder that has the work of that name; others have one called `make`."""


class Shop:
    """`words` start this script in the interpreter that knows a tool or a runtime."""

    def __init__(self, words: Mapping[str, list[str]], log: Path) -> None:
        self._words, self._log = words, log
        self._servers: dict[str, subprocess.Popen[str]] = {}

    def ask(self, where: str, work: str, job: Job) -> Job:
        """What came of the job: what it gave back, or `error`; seconds, CPU seconds, peak MB."""
        found = self._servers.get(where + work)
        if found is None or found.poll() is not None:
            found = self._servers[where + work] = self._started(where, work)
        told = json.loads(_answer(found, job) or '{"error": "its server ended: see the log"}')
        return told.pop("value", {}) | told

    def _started(self, where: str, work: str) -> subprocess.Popen[str]:
        with self._log.open("a") as log:
            return subprocess.Popen(
                [*self._words[where], "--child", work], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ | _QUIET,
            )  # fmt: skip

    def close(self) -> None:
        """End the servers."""
        for server in self._servers.values():
            if server.stdin is not None:
                server.stdin.close()
            server.wait()


def _answer(server: subprocess.Popen[str], job: Job) -> str:
    assert server.stdin
    assert server.stdout
    try:
        server.stdin.write(json.dumps(job) + "\n")
        server.stdin.flush()
    except BrokenPipeError:
        return ""
    return server.stdout.readline()


def work(name: str, memory_gb: float) -> None:
    """Answer jobs of that kind until there are no more."""
    most = int(memory_gb * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    serve(_function(name), _LIMIT)


def _function(name: str) -> Work:
    if name == "versions":
        return _versions
    kind, _, package = name.partition("/")
    if package:
        import_module(package)  # paid for once, not by every job
    module = import_module(f"quantization_contest.{_FUNCTIONS.get(kind, kind)}")
    found: Work = getattr(module, kind if kind in _FUNCTIONS else "make")
    return found


def _versions(job: Job) -> Job:
    found = {}
    for package in job["packages"]:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
