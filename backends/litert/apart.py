"""A process apart in which files are tried: a kernel that crashes takes that one along, not us.

It is started for the first file and kept for those that follow; it ends when we do.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from functools import cache

from mcompile.backends.litert import rehearsal
from mcompile.errors import LoweringError

_TAIL_BYTES = 4000
_LOGS = ("INFO:", "WARNING:", "W0000", "I0000")
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Told:
    """What a try came to: the runtime's words where it refuses, the end where it crashed."""

    refusal: str = ""
    crash: str = ""


def tried(data: bytes, *, free: bool, run: bool) -> Told:
    """What becomes of a file that is loaded, with two sizes where one is `free`, and `run` once.

    Raises `LoweringError` where no such process can be had.
    """
    with _LOCK:
        return _of(os.getpid()).ask(data, free, run)


@cache
def _of(_: int) -> Apart:
    """The one of this process: what is forked off it has another."""
    made = Apart()
    atexit.register(made.close)
    return made


class Apart:
    """A process and the pipes to it, started anew where it has ended."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        # A pipe that nobody reads would fill up. The file lives as long as this does.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115

    def ask(self, data: bytes, free: bool, run: bool) -> Told:
        """What the process says of the file, or how it ended over it."""
        if self._child is None or self._child.poll() is not None:
            self._child = self._started()
        given, answers = self._child.stdin, self._child.stdout
        assert given is not None
        assert answers is not None
        try:
            for part in (rehearsal.HEAD.pack(len(data), free, run), data):
                given.write(part)
            given.flush()
            answer = answers.readline()
        except OSError:  # it ended while it was told
            answer = b""
        return Told(refusal=str(json.loads(answer))) if answer else Told(crash=self._end())

    def close(self) -> None:
        """End the process, if it runs."""
        if self._child is not None:
            self._child.communicate()
            self._child = None
        self._said.close()

    def _started(self) -> subprocess.Popen[bytes]:
        # It gets our import path; the script's own folder would hide modules of other packages.
        run = f"import runpy; runpy.run_path({rehearsal.__file__!r}, run_name='__main__')"
        command = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {run}"]
        pipe = subprocess.PIPE
        self._said.truncate(0)
        try:
            return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self._said)
        except OSError as error:
            raise _unable(str(error)) from error

    def _end(self) -> str:
        """How the process ended, with its last word."""
        assert self._child is not None
        self._child.communicate()
        code, self._child = self._child.returncode, None
        told = self._last_word()
        if code > 0 and os.name == "posix":
            raise _unable(told or f"exit status {code}")
        name = signal.Signals(-code).name if os.name == "posix" and code else f"status {code}"
        return f"{name}: {told}" if told else name

    def _last_word(self) -> str:
        end = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, end - _TAIL_BYTES))
        lines = self._said.read().decode(errors="replace").splitlines()
        return next((s for s in map(str.strip, reversed(lines)) if _speaks(s)), "")[:200]


def _speaks(line: str) -> bool:
    return bool(line) and not line.startswith(_LOGS)


def _unable(reason: str) -> LoweringError:
    return LoweringError(
        "LiteRT cannot be tried in a process of its own",
        where=reason,
        fix='`python -c "import ai_edge_litert.interpreter"` with the same interpreter says why',
    )
