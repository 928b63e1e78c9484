"""Hashes of the files an artifact is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from mcompile.types import File

_CHUNK = 1 << 20


def sha256(path: Path) -> str:
    """The file's SHA-256 in hex, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def hashed(folder: Path, names: Iterable[str]) -> tuple[File, ...]:
    """The named files of a folder with size and hash, in the order given."""
    return tuple(File(n, sha256(folder / n), (folder / n).stat().st_size) for n in names)
