"""What a file written by `torch.save`, or by `pickle` itself, would import when loaded."""

from __future__ import annotations

import functools
import tarfile
from pathlib import Path

from mcompile.frontend.archive import imports, saved_imports
from mcompile.frontend.format import Source

MAGIC = bytes.fromhex("8a0a6cfc9c46f9206aa85019")
"""The number that opens a file of the older, unzipped form (after the two bytes of the opcode)."""

_HEADERS = 5


def is_saved(source: Source) -> bool:
    """Whether the file is a `torch.save` archive, an older stream or tar, or a bare pickle."""
    if source.members:
        return "data.pkl" in source.members and "constants.pkl" not in source.members
    return is_pickle(source.head) or is_tar(source)


def is_pickle(head: bytes) -> bool:
    """Whether the bytes open a pickle of protocol 2 to 5."""
    return head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


def is_tar(source: Source) -> bool:
    """Whether the file is of the oldest form of all, a tar archive."""
    return source.path is not None and source.head[257:262] == b"ustar" and _has_pickle(source.path)


def _has_pickle(path: Path) -> bool:
    try:
        with tarfile.open(path, "r:") as archive:
            return "pickle" in archive.getnames()
    except tarfile.TarError:
        return False


def globals_of(source: Source) -> list[str]:
    """The globals outside the allow-list that loading the file would import; reads, never runs."""
    stat = source.file.stat()
    return _globals(source, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=4)
def _globals(source: Source, _changed: int, _size: int) -> list[str]:
    if source.members:
        return saved_imports(source.file, source.label)
    if is_tar(source):
        return ["a tar archive, which PyTorch only opens by running its pickles"]
    with source.file.open("rb") as file:
        # An unzipped file is a row of pickles: magic number, version, system, object, keys.
        return imports(file, source.label, _HEADERS if source.head[2:14] == MAGIC else 1)
