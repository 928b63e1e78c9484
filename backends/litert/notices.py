"""Keeps the notice off the screen that LiteRT gives whenever XNNPACK is first asked for.

It is no news to whoever builds, and no setting turns it off. Whatever else the runtime says on
stderr meanwhile is said behind it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

NOTICE = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
_STDERR = 2


@contextmanager
def unsaid() -> Iterator[None]:
    """Within it the runtime's notice is held back, and with it all that goes to stderr."""
    try:
        screen = os.dup(_STDERR)
    except OSError:  # it is closed: nobody reads it
        yield
        return
    with tempfile.TemporaryFile() as kept:
        _flush()
        os.dup2(kept.fileno(), _STDERR)
        try:
            yield
        finally:
            _flush()
            os.dup2(screen, _STDERR)
            os.close(screen)
            kept.seek(0)
            _say(b"".join(line for line in kept if line.strip() != NOTICE))


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()


def _say(words: bytes) -> None:
    while words:
        words = words[os.write(_STDERR, words) :]
