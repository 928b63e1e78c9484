"""The members of a zip archive as its reader will see them, and what their pickles import.

Two readers can see two archives in one file: names twice, names that differ in case (PyTorch's
reader ignores case), a second directory. So what is scanned is read with the reader that will
load it, and an archive whose names are not unique is refused.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from mcompile.errors import SourceError
from mcompile.frontend.pickles import refused
from mcompile.frontend.runtime import require_torch

_AGAIN = "download or save the model again"


class Members(Mapping[str, bytes]):
    """The members of an archive by name; each is read when it is asked for."""

    def __init__(self, names: Sequence[str], read: Callable[[str], bytes], label: str) -> None:
        self._names, self._read, self._label = names, read, label
        if len({n.casefold() for n in names}) != len(names):
            raise SourceError("two members of this archive bear one name", where=label, fix=_AGAIN)

    def __getitem__(self, name: str) -> bytes:
        if name not in self._names:
            raise _damaged(self._label, f"no {name} in it")
        try:
            return bytes(self._read(name))
        except (RuntimeError, zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
            raise _damaged(self._label, name) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def as_torch_reads(archive: Path | bytes, label: str) -> Members:
    """The members as PyTorch's reader sees them, which drops the folder they all lie in."""
    require_torch()
    import torch

    source: Any = str(archive) if isinstance(archive, Path) else io.BytesIO(archive)
    try:
        reader = torch._C.PyTorchFileReader(source)
        return Members(list(reader.get_all_records()), reader.get_record, label)
    except RuntimeError as error:
        raise _damaged(label, "unreadable for PyTorch") from error


def as_zip_reads(path: Path, label: str) -> Members:
    """The members as Python's `zipfile` sees them."""

    def read(name: str) -> bytes:
        with zipfile.ZipFile(path) as archive:
            return archive.read(name)

    with zipfile.ZipFile(path) as archive:
        return Members(archive.namelist(), read, label)


def imports(stream: IO[bytes], label: str, pickles: int = 1) -> list[str]:
    """`pickles.refused`, with damage as a `SourceError`."""
    try:
        return refused(stream, pickles)
    except pickle.UnpicklingError as error:
        raise _damaged(label, "its pickle") from error


def saved_imports(archive: Path | bytes, label: str) -> list[str]:
    """What a `torch.save` archive would import beyond tensors."""
    return imports(io.BytesIO(as_torch_reads(archive, label)["data.pkl"]), label)


def _damaged(label: str, part: str) -> SourceError:
    return SourceError("this file is truncated or damaged", where=f"{label} ({part})", fix=_AGAIN)
