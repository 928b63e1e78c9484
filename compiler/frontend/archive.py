"""The members of a zip archive as PyTorch's own reader sees them, and what their pickles import.

Two readers can see two archives in one file (names twice, names that differ in case, a second
directory). So what is scanned is read with the reader that will load it, and an archive whose
names are not unique is refused.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from mcompile.errors import SourceError
from mcompile.frontend.pickles import refused
from mcompile.frontend.runtime import require_torch


class Members(Mapping[str, bytes]):
    """The records of an archive by name, without the top folder; read one at a time."""

    def __init__(self, archive: Path | bytes, label: str) -> None:
        require_torch()
        import torch

        self._label = label
        try:
            source: Any = str(archive) if isinstance(archive, Path) else io.BytesIO(archive)
            self._reader = torch._C.PyTorchFileReader(source)
            self._names = list(self._reader.get_all_records())
        except RuntimeError as error:
            raise self._damaged() from error
        if len({n.casefold() for n in self._names}) != len(self._names):
            raise SourceError(
                "two members of this archive bear one name",
                where=label,
                fix="save the model again: PyTorch never writes such a file",
            )

    def __getitem__(self, name: str) -> bytes:
        try:
            return bytes(self._reader.get_record(name))
        except RuntimeError as error:
            raise self._damaged() from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def _damaged(self) -> SourceError:
        return SourceError(
            "this archive is truncated or damaged",
            where=self._label,
            fix="download or save the model again",
        )


def imports(stream: IO[bytes], label: str, pickles: int = 1) -> list[str]:
    """`pickles.refused`, with damage as a `SourceError`."""
    try:
        return refused(stream, pickles)
    except pickle.UnpicklingError as error:
        raise SourceError(
            "this pickle is truncated or damaged",
            where=label,
            fix="download or save the model again",
        ) from error


def saved_imports(archive: Path | bytes, label: str) -> list[str]:
    """What a `torch.save` archive would import beyond tensors."""
    return imports(io.BytesIO(Members(archive, label)["data.pkl"]), label)


