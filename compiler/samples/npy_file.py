"""An `.npy` file for a model of one input: the first axis counts samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mcompile.errors import SamplesError
from mcompile.samples.source import Chunk, Source, Wanted, begins
from mcompile.samples.stacked import header, plan, read, slices
from mcompile.types import Array


class NpyFile(Source):
    """Maps the array into memory and hands it on in blocks."""

    title = "an .npy file"

    def __init__(self, place: Any, wanted: Wanted) -> None:
        super().__init__(place, wanted)
        self._name = wanted.sole(str(place)).name
        self._plan = plan({self._name: header(self._mapped())}, wanted, str(place))

    @classmethod
    def takes(cls, place: object) -> bool:
        """Whether it is a file that begins as numpy's do."""
        return isinstance(place, Path) and place.is_file() and begins(place, b"\x93NUMPY")

    def count(self) -> int:
        """As the header says."""
        return self._plan.number

    def chunks(self) -> Iterator[Chunk]:
        """Blocks of rows."""
        yield from read({self._name: slices(self._mapped())}, self._plan, self.wanted, "")

    def _mapped(self) -> Array:
        try:
            data: Array = np.load(self.place, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise SamplesError(
                f"not an .npy that can be read: {error}",
                where=str(self.place),
                fix="save arrays of numbers again",
            ) from error
        return data
