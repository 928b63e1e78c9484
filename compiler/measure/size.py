"""Bytes on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mcompile.errors import ContractError
from mcompile.types import File, Measured, Provenance


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


def size_ahead(files: Sequence[File], folder: Path, weight_bytes: int) -> Measured:
    """`size_mb` of what a device is yet to build: from its weights alone to all that it is given.

    Raises `ContractError` where one of `files` is missing.
    """
    given = size(files, folder)
    least = min(weight_bytes / 1e6, given.value)
    return Measured(
        given.name, given.value, given.unit, Provenance.PREDICTED, low=least, high=given.value,
        note="built on the device: its weights, up to the size of all that it is built from",
    )  # fmt: skip
