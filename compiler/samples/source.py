"""What a kind of source must be able to do, and what it hands on.

A kind is one file of this folder holding one class derived from `Source`; it is found by looking.
It reads what it holds and gives it on as it is: cutting it to the model's inputs is not its part.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from mcompile.errors import SamplesError
from mcompile.samples.preprocess import Preprocess
from mcompile.types import Array, Port

LABELS = "labels"
"""The name under which labels stand beside the inputs, unless an input bears it."""


def begins(path: Path, mark: bytes) -> bool:
    """Whether the file's first bytes are these; `SamplesError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(mark)) == mark
    except OSError as error:
        raise SamplesError(
            f"this file cannot be read: {error.strerror}", where=str(path), fix="check its owner"
        ) from error


@dataclass(frozen=True)
class Wanted:
    """What the model takes, how pictures are made to fit it, and where relative names start."""

    ports: tuple[Port, ...]
    preprocess: Preprocess | None = None
    base: Path = Path()

    def sole(self, where: str) -> Port:
        """The one input that data without a name must be for; `SamplesError` if there are more."""
        if len(self.ports) != 1:
            raise SamplesError(
                f"data without a name, and the model has {len(self.ports)} inputs",
                where=where,
                fix=f"arrays by name: {', '.join(p.name for p in self.ports)}",
            )
        return self.ports[0]


@dataclass(frozen=True)
class Chunk:
    """Some data by input name, as the source holds it.

    When it is `stacked`, the first axis of every array counts samples; otherwise an array may
    also be one sample without its batch axis. `start` is the number of the first row.
    """

    arrays: Mapping[str, Array]
    labels: Array | None = None
    name: str = ""
    start: int | None = None
    stacked: bool = False


class Source(ABC):
    """A place that samples come from."""

    title: ClassVar[str]

    def __init__(self, place: Any, wanted: Wanted) -> None:
        self.place = place
        self.wanted = wanted

    def __str__(self) -> str:
        return str(self.place)

    @classmethod
    @abstractmethod
    def takes(cls, place: object) -> bool:
        """Whether this is a place of this kind; looks at the content, never at the name alone."""

    @abstractmethod
    def chunks(self) -> Iterator[Chunk]:
        """The data from its start, a little at a time."""

    def count(self) -> int | None:
        """The number of samples where it is known without reading them."""
        return None
