"""Bytes on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mcompile.errors import ContractError
from mcompile.types import File, Measured


def size(files: Sequence[File], folder: Path) -> Measured:
    """`size_mb`: those files of an artifact in `folder` (MB = 10^6 bytes).

    Raises `ContractError` where one of them is missing.
    """
    try:
        total = sum((folder / file.path).stat().st_size for file in files)
    except OSError as error:
        raise ContractError(
            "a file of the artifact is missing", where=str(error.filename), fix="build it again"
        ) from error
    return Measured(
        "size_mb",
        total / 1e6,
        "MB",
        note=f"{len(files)} file{'s' * (len(files) != 1)}",
    )
