"""Reads the arrays of an `.npz` without ever holding one whole: headers first, then rows."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from mcompile.errors import SamplesError
from mcompile.samples.ports import shape_text
from mcompile.samples.source import LABELS, Wanted
from mcompile.samples.stacked import Header, Reader
from mcompile.types import Array

_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class Archive:
    """An `.npz` file; `headers` maps the names in it to what is known of the arrays.

    The one array of a file that was saved without a name bears the name of the one input. Raises
    `SamplesError` where the file is damaged, or would have to be unpickled.
    """

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self._path = path
        with self._open() as archive:
            self._members = {
                n.removesuffix(".npy"): n for n in archive.namelist() if n.endswith(".npy")
            }
            if set(self._members) - {LABELS} == {"arr_0"} and len(wanted.ports) == 1:
                self._members[wanted.ports[0].name] = self._members.pop("arr_0")
            self._columns: dict[str, bool] = {}
            self.headers = {name: self._header(archive, name) for name in self._members}

    @contextmanager
    def readers(self) -> Iterator[dict[str, Reader]]:
        """For each array, a function that gives its next rows."""
        with self._open() as archive, ExitStack() as stack:
            found = {}
            for name, member in self._members.items():
                file = stack.enter_context(archive.open(member))
                _known(file)
                found[name] = self._reader(name, file)
            yield found

    def whole(self) -> dict[str, Array]:
        """All arrays at once, for a file of a single sample."""
        with self._open() as archive:
            return {name: self._load(archive, name) for name in self._members}

    def _load(self, archive: zipfile.ZipFile, name: str) -> Array:
        shape = self.headers[name].shape
        with archive.open(self._members[name]) as file:
            _known(file)
            flat = self._take(name, file, math.prod(shape))
        return flat.reshape(shape, order="F" if self._columns[name] else "C")

    @contextmanager
    def _open(self) -> Iterator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self._path) as archive:
                yield archive
        except SamplesError:
            raise
        except Exception as error:  # zipfile, zlib and numpy raise a dozen on a damaged file
            raise self._damaged(str(error)) from error

    def _damaged(self, why: str) -> SamplesError:
        return SamplesError(
            f"a damaged .npz: {why}", where=str(self._path), fix="save or copy it again"
        )

    def _header(self, archive: zipfile.ZipFile, name: str) -> Header:
        with archive.open(self._members[name]) as file:
            shape, columns, dtype = _known(file)
        if dtype.hasobject:
            raise SamplesError(
                f"{name} holds Python objects, which are code and are not run",
                where=str(self._path),
                fix="save arrays of numbers",
            )
        self._columns[name] = columns and len(shape) > 1
        return Header(shape, dtype)

    def _reader(self, name: str, file: IO[bytes]) -> Reader:
        known = self.headers[name]
        if self._columns[name]:
            # Column by column on disk, so that the first sample ends where the file does.
            flat = self._take(name, file, math.prod(known.shape))
            rows = iter(flat.reshape(known.shape, order="F"))
            return lambda count: np.stack([next(rows) for _ in range(count)])
        each = math.prod(known.shape[1:])
        if not known.shape:
            raise SamplesError(
                f"{name} is {shape_text(known.shape)}: it has no first axis to count samples",
                where=str(self._path),
                fix="save all samples stacked",
            )
        return lambda count: self._take(name, file, count * each).reshape(-1, *known.shape[1:])

    def _take(self, name: str, file: IO[bytes], items: int) -> Array:
        dtype = self.headers[name].dtype
        data = bytearray(file.read(items * dtype.itemsize))
        if len(data) != items * dtype.itemsize:
            raise self._damaged(f"{name} ends early")
        return np.frombuffer(data, dtype)


def _known(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    version = np.lib.format.read_magic(file)
    if version not in _READ_HEADER:
        raise ValueError(f"an array of format {version[0]}.{version[1]}")
    shape, columns, dtype = _READ_HEADER[version](file)
    return shape, columns, dtype
