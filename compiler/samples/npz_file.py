"""An `.npz` file: arrays by input name whose first axis counts samples, labels under `labels`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mcompile.samples.archive import Archive
from mcompile.samples.source import Chunk, Source, Wanted, begins
from mcompile.samples.stacked import plan, read


class NpzFile(Source):
    """Streams the rows of all arrays side by side."""

    title = "an .npz file"

    def __init__(self, place: Any, wanted: Wanted) -> None:
        super().__init__(place, wanted)
        self._archive = Archive(place, wanted)
        self._plan = plan(self._archive.headers, wanted, str(place))

    @classmethod
    def takes(cls, place: object) -> bool:
        """Whether it is a file that begins as zip archives do."""
        return isinstance(place, Path) and place.is_file() and begins(place, b"PK")

    def count(self) -> int:
        """As the headers say."""
        return self._plan.number

    def chunks(self) -> Iterator[Chunk]:
        """Blocks of rows."""
        with self._archive.readers() as readers:
            yield from read(readers, self._plan, self.wanted, "")
