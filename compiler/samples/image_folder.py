"""A folder of pictures, with labels from a CSV, the file names or the sub-folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mcompile.errors import SamplesError
from mcompile.samples.classes import labelled
from mcompile.samples.picture import read
from mcompile.samples.preprocess import PRESETS, Preprocess
from mcompile.samples.source import Chunk, Source, Wanted
from mcompile.types import Port

_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


class ImageFolder(Source):
    """Reads and prepares one picture after the other, in the order of their paths."""

    title = "a folder of pictures"

    def __init__(self, place: Any, wanted: Wanted) -> None:
        super().__init__(place, wanted)
        self._port = wanted.sole(str(place))
        self._how = _preprocess(wanted, self._port, str(place))
        pattern = self._how.label_pattern
        self._paths, self._labels = labelled(place, sorted(_pictures(place)), pattern)

    @classmethod
    def takes(cls, place: object) -> bool:
        """Whether a file in the folder, or in one below it, is called as pictures are."""
        return isinstance(place, Path) and place.is_dir() and any(True for _ in _pictures(place))

    def count(self) -> int:
        """The pictures, or the full batches of them."""
        lead = self._port.shape[0] if len(self._port.shape) == 4 else 1
        return len(self._paths) // (lead if isinstance(lead, int) and lead else 1)

    def chunks(self) -> Iterator[Chunk]:
        """A picture each."""
        for number, path in enumerate(self._paths):
            row = read(path, self._how, self._port)
            label = None if self._labels is None else np.asarray(self._labels[number])
            name = path.relative_to(self.place).as_posix()
            yield Chunk({self._port.name: row}, label, name)


def _preprocess(wanted: Wanted, port: Port, where: str) -> Preprocess:
    if wanted.preprocess is None and port.dtype != "uint8":
        raise SamplesError(
            f"pictures are bytes, and {port.name} takes {port.dtype}",
            where=where,
            fix=f"--preprocess with {', '.join(PRESETS)}, or a TOML file",
        )
    return wanted.preprocess or Preprocess()


def _pictures(folder: Path) -> Iterator[Path]:
    """The pictures in a folder and below, links followed; what is hidden is left out."""
    seen = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link back to where we have been
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        for name in names:
            if name.lower().endswith(_SUFFIXES) and not name.startswith("."):
                yield Path(place, name)
