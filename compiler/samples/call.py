"""`MODULE:CALLABLE`, or a callable from Python, that gives the samples anew for each pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mcompile.errors import CompileError, SamplesError
from mcompile.names import is_name, resolve
from mcompile.samples.items import chunks, failed
from mcompile.samples.source import Chunk, Source, Wanted


class Call(Source):
    """Imports the module when it is opened, and calls the callable for each pass."""

    title = "MODULE:CALLABLE"

    def __init__(self, place: Any, wanted: Wanted) -> None:
        super().__init__(place, wanted)
        self._make = place
        if isinstance(place, str):
            self._make = resolve(place, SamplesError, wanted.base, Path.cwd())

    def __str__(self) -> str:
        if isinstance(self.place, str):
            return self.place
        return f"{getattr(self.place, '__name__', type(self.place).__name__)}()"

    @classmethod
    def takes(cls, place: object) -> bool:
        """Whether it is a name of that form, or a callable that is no iterable itself."""
        if isinstance(place, str):
            return is_name(place)
        return callable(place) and not isinstance(place, Iterable)

    def chunks(self) -> Iterator[Chunk]:
        """What a new call gives."""
        try:
            given = self._make()
        except CompileError:
            raise
        except Exception as error:
            raise failed(error, str(self)) from error
        yield from chunks(given, self.wanted, str(self))
