"""What a source format is, and how the right one is found: by what the source holds."""

from __future__ import annotations

import difflib
import importlib
import os
import pkgutil
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mcompile.errors import SourceError
from mcompile.frontend.options import CaptureOptions
from mcompile.types import Program

_HEAD = 4096
_END = 22


@dataclass(frozen=True)
class Source:
    """What was handed in, looked at once.

    `path`, `head` (the first 4 KiB) and `members` (names in a zip archive, without its top folder)
    are empty for a source that is not a file.
    """

    given: object
    path: Path | None = None
    head: bytes = b""
    members: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """The source as an error names it."""
        return str(self.path or self.given) if self.path or isinstance(self.given, str) else "model"

    @property
    def file(self) -> Path:
        """The path of a source that is a file."""
        if self.path is None:
            raise SourceError("this source is not a file", where=self.label)
        return self.path


class Format(ABC):
    """A kind of source. One class in one file of this folder; nothing else lists it."""

    title: ClassVar[str]

    @abstractmethod
    def recognizes(self, source: Source) -> bool:
        """Whether the source is of this kind, judged by its bytes and never by its name."""

    @abstractmethod
    def read(self, source: Source, options: CaptureOptions) -> Program:
        """The model as a program; raises `SourceError`, and runs no code of the file unasked."""


def find(source: Source) -> Format:
    """The one format that recognizes the source; `SourceError` where none does."""
    known = list(formats())
    found = next((f for f in known if f.recognizes(source)), None)
    if found is None:
        titles = ", ".join(f.title for f in known if f.title)
        raise SourceError(
            "not a model of any kind known here",
            where=_described(source),
            fix=f"one of {titles}",
        )
    return found


def formats() -> Iterator[Format]:
    """One of each format in this folder, by file name."""
    for info in pkgutil.iter_modules([str(Path(__file__).parent)]):
        module = importlib.import_module(f"{__package__}.{info.name}")
        for item in vars(module).values():
            own = isinstance(item, type) and item.__module__ == module.__name__
            if own and issubclass(item, Format) and item is not Format:
                yield item()


def look(given: object) -> Source:
    """Open the source as far as its kind can be told; `SourceError` where there is no such file."""
    if not isinstance(given, (str, os.PathLike)):
        return Source(given)
    path = Path(given)
    if not os.path.exists(path):  # not Path.exists, which raises on names no file can have
        if isinstance(given, str) and _is_reference(given):
            return Source(given)
        raise SourceError("there is no such file", where=str(path), fix=_nearest(path))
    if not path.is_file():
        raise SourceError("not a file", where=_contents(path), fix="give the model file itself")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", where=str(path)) from error
    return Source(given, path, head, _members(path) if head.startswith(b"PK") else frozenset())


def _is_reference(text: str) -> bool:
    module, colon, name = text.partition(":")
    return bool(colon) and all(p.isidentifier() for p in (*module.split("."), *name.split(".")))


def _members(path: Path) -> frozenset[str]:
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            names = archive.namelist()
            file.seek(-_END, os.SEEK_END)
            # `zipfile` makes do with an archive found inside a member of one that was cut off.
            whole = file.read(4) == b"PK\x05\x06"
            starts = [info.header_offset for info in archive.infolist()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        names, whole, starts = [], False, []
    if not whole or (starts and min(starts) != 0):
        raise SourceError(
            "this zip archive is truncated or damaged",
            where=str(path),
            fix="download or save the model again, and compare its size with the original",
        )
    return frozenset(n.partition("/")[2] if "/" in n else n for n in names)


def _nearest(path: Path) -> str:
    folder = path.parent if path.parent.is_dir() else Path()
    names = sorted(p.name for p in folder.iterdir() if p.is_file())
    close = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
    near = " or ".join(str(path.parent / n) for n in close) if path.parent.is_dir() else ""
    return near or "a path to a model, or MODULE:CALLABLE for one built by Python code"


def _contents(path: Path) -> str:
    if not path.is_dir():
        return str(path)
    names = sorted(p.name for p in path.iterdir())
    held = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"{path}, a folder that holds {held or 'nothing'}"


def _described(source: Source) -> str:
    if source.path is None:
        return f"an object of type {type(source.given).__qualname__}"
    if source.members:
        return f"{source.path}, a zip archive with {', '.join(sorted(source.members)[:4])}"
    return f"{source.path}, which begins with the bytes {source.head[:8].hex(' ')}"
