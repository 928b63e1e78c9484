"""Samples from Python: an array, a dict of arrays, or any iterable, a PyTorch loader too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mcompile.errors import SamplesError
from mcompile.samples.items import chunks, is_stack, stack
from mcompile.samples.source import Chunk, Source, Wanted
from mcompile.types import Samples


class Memory(Source):
    """Hands on what is there, item by item."""

    title = "a Python iterable"

    def __init__(self, place: Any, wanted: Wanted) -> None:
        super().__init__(place, wanted)
        self._number = stack(place, wanted, str(self))[1].number if is_stack(place) else None
        if isinstance(place, Iterator):
            raise SamplesError(
                "an iterator can be read only once, and samples are read several times",
                where=str(self),
                fix="pass a list, or a callable that makes a new iterator",
            )

    def __str__(self) -> str:
        if isinstance(self.place, Samples):
            return self.place.source
        return f"{type(self.place).__name__} in memory"

    @classmethod
    def takes(cls, place: object) -> bool:
        """Whether it can be iterated, or is a dataset with items and a length."""
        if isinstance(place, str | bytes | Path):
            return False
        items = hasattr(place, "__getitem__") and hasattr(place, "__len__")
        return is_stack(place) or isinstance(place, Iterable) or items

    def count(self) -> int | None:
        """Known of arrays only: the items of an iterable may be batches."""
        return self._number

    def chunks(self) -> Iterator[Chunk]:
        """An item each, or blocks of rows."""
        return chunks(self.place, self.wanted, str(self))
