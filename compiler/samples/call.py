"""`MODULE:CALLABLE`, or a callable from Python, that gives the samples anew for each pass."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any

from mcompile.errors import CompileError, SamplesError
from mcompile.samples.items import chunks, failed
from mcompile.samples.nearest import suggestion
from mcompile.samples.source import Chunk, Source, Wanted

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


class Call(Source):
    """Imports the module when it is opened, and calls the callable for each pass."""

    title = "MODULE:CALLABLE"

    def __init__(self, place: Any, wanted: Wanted) -> None:
        super().__init__(place, wanted)
        self._make = _found(place, wanted.base) if isinstance(place, str) else place

    def __str__(self) -> str:
        if isinstance(self.place, str):
            return self.place
        return f"{getattr(self.place, '__name__', type(self.place).__name__)}()"

    @classmethod
    def takes(cls, place: object) -> bool:
        """Whether it is a name of that form, or a callable that is no iterable itself."""
        if isinstance(place, str):
            return _NAME.fullmatch(place) is not None
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


def _found(name: str, base: Path) -> Callable[[], object]:
    module_name, _, path = name.partition(":")
    module = _module(module_name, base)
    try:
        made = reduce(getattr, path.split("."), module)
    except AttributeError as error:
        known = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        raise SamplesError(
            f"{module_name} has no {path}", where=name, fix=suggestion(path, known)
        ) from error
    if not callable(made):
        raise SamplesError(
            f"{path} is {type(made).__name__} and cannot be called",
            where=name,
            fix="a function that returns the samples",
        )
    return made


def _module(name: str, base: Path) -> ModuleType:
    # Last, so that a file beside the model never hides an installed module.
    for place in (str(base.resolve()), str(Path.cwd())):
        if place not in sys.path:
            sys.path.append(place)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise failed(error, name) from error
        raise SamplesError(
            f"there is no module {error.name}",
            where=name,
            fix=f"put {name.partition('.')[0]}.py into the current folder, or install it",
        ) from error
    except Exception as error:
        raise failed(error, name) from error
