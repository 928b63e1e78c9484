"""Python objects by their `MODULE:CALLABLE` name."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Callable, Iterable
from typing import Any

from mcompile.errors import CompileError, UsageError

_FORM = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def is_name(text: object) -> bool:
    """Whether the text has the form `MODULE:CALLABLE` (dots allowed on either side)."""
    return isinstance(text, str) and bool(_FORM.fullmatch(text))


def resolve(name: str, kind: type[CompileError] = UsageError) -> Callable[..., Any]:
    """The callable of that name; its module is imported. Raises `kind` when there is none."""
    if not is_name(name):
        raise kind(
            f"{name} is not of the form MODULE:CALLABLE", fix="for example package.nets:make"
        )
    module, _, attributes = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except Exception as error:  # importing runs the module, which may raise anything
        raise kind(
            f"cannot import {module}: {error}",
            where=name,
            fix="install the package, or run where the module can be imported",
        ) from error
    for part in attributes.split("."):
        if not hasattr(found, part):
            raise kind(f"{module} has no {attributes}", where=name, fix=nearest(part, dir(found)))
        found = getattr(found, part)
    if not callable(found):
        raise kind(f"{name} is not callable", fix="name a function or a class")
    return found  # type: ignore[no-any-return]


def nearest(wrong: str, known: Iterable[str], otherwise: str = "") -> str:
    """The known names that look like the wrong one, joined for a sentence; else `otherwise`."""
    public = [k for k in known if not k.startswith("_")]
    close = difflib.get_close_matches(wrong, public, n=3, cutoff=0.5)
    return " or ".join(close) or otherwise or ", ".join(sorted(public)[:12])
