"""Bytes on disk."""

from __future__ import annotations

from pathlib import Path

from mcompile.errors import ContractError
from mcompile.types import Artifact, Measured


def size(artifact: Artifact, folder: Path) -> Measured:
    """`size_mb`: the artifact's files in `folder` (MB = 10^6 bytes), reports and goldens left out.

    Raises `ContractError` where one of them is missing.
    """
    try:
        total = sum((folder / file.path).stat().st_size for file in artifact.files)
    except OSError as error:
        raise ContractError(
            "a file of the artifact is missing", where=str(error.filename), fix="build it again"
        ) from error
    return Measured(
        "size_mb",
        total / 1e6,
        "MB",
        note=f"{len(artifact.files)} file{'s' * (len(artifact.files) != 1)}",
    )
