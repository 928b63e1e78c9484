"""What a file begins with: kinds of files are told by their content, never by their name."""

from __future__ import annotations

from pathlib import Path

from mcompile.errors import SamplesError


def begins(path: Path, mark: bytes) -> bool:
    """Whether the file's first bytes are these; `SamplesError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(mark)) == mark
    except OSError as error:
        raise SamplesError(
            f"this file cannot be read: {error.strerror}", where=str(path), fix="check its owner"
        ) from error
