"""Python objects by their `MODULE:CALLABLE` name."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any

from mcompile.errors import CompileError, UsageError
from mcompile.wording import nearest

_FORM = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def is_name(text: object) -> bool:
    """Whether the text has the form `MODULE:CALLABLE` (dots allowed on either side)."""
    return isinstance(text, str) and bool(_FORM.fullmatch(text))


def resolve(name: str, kind: type[CompileError] = UsageError, *places: Path) -> Callable[..., Any]:
    """The callable of that name; its module is imported, from `places` where nothing else has it.

    Raises `kind` when there is none, whatever the module does when it is imported.
    """
    if not is_name(name):
        raise kind(
            "code is named MODULE:CALLABLE",
            where=name,
            fix="for example torchvision.models:resnet18",
        )
    module_name, _, path = name.partition(":")
    with reachable(*places):
        module = _module(module_name, name, kind)
    try:
        found: Any = reduce(getattr, path.split("."), module)
    except AttributeError as error:
        known = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        fix = nearest(path, known[:50]) if known else "another module"
        raise kind(f"{module_name} has no {path}", where=name, fix=fix) from error
    if not callable(found):
        raise kind(
            f"{path} is {type(found).__name__} and cannot be called",
            where=name,
            fix="name a function or a class",
        )
    return found  # type: ignore[no-any-return]


@contextmanager
def reachable(*places: Path) -> Iterator[None]:
    """Within it, modules in the places can be imported; none of them hides an installed one."""
    added = [p for p in (str(place.resolve()) for place in places) if p not in sys.path]
    sys.path.extend(added)
    try:
        yield
    finally:
        for place in added:
            sys.path.remove(place)


def _module(module: str, name: str, kind: type[CompileError]) -> ModuleType:
    importlib.invalidate_caches()
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        own = f"{module}.".startswith(f"{missing}.")
        raise kind(
            f"there is no module {missing}" if own else f"{module} needs {missing}",
            where=name,
            fix="run in the folder that holds it, set PYTHONPATH, or install its package",
        ) from error
    except (Exception, SystemExit) as error:  # importing runs the module, which may do anything
        raise kind(
            f"{module} cannot be imported",
            where=f"{name}: {type(error).__name__}: {error}",
            fix="import it by itself and mend what fails",
        ) from error
