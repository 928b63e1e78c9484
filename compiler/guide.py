"""What whoever runs the model must know, kept in the program: how it is fed, and its classes.

It travels as ONNX's own metadata, so that every backend can read it where it writes its files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from mcompile.errors import UsageError
from mcompile.types import Program

KEY = "mcompile.guide"


@dataclass(frozen=True)
class Guide:
    """`preprocess` is how a picture becomes the input, `labels` are the names of the classes."""

    preprocess: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()


def labels(given: str | Sequence[str]) -> tuple[str, ...]:
    """The names of the classes: as they were listed, or one a line of a text file.

    Raises `UsageError` for a file that cannot be read, and for a name of several lines: an artifact
    keeps them one a line.
    """
    try:
        text = Path(given).read_text(encoding="utf-8") if isinstance(given, str) and given else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "the names of the classes cannot be read",
            where=str(given),
            fix="a text file, one a line",
        ) from error
    names = tuple(text.splitlines() if isinstance(given, str) else given)
    for number, name in enumerate(names):
        if name.splitlines() not in ([], [name]):
            raise UsageError(
                f"the name of class {number} is of several lines",
                where=f"labels: {name!r}",
                fix="a name without line breaks for each class",
            )
    return names


def put(program: Program, guide: Guide) -> None:
    """Let the program say what the guide says; nothing where the guide says nothing."""
    if guide != Guide():
        text = msgspec.json.encode(guide, order="sorted").decode()
        program.graph.metadata_props[KEY] = text


def of(program: Program) -> Guide:
    """What the program says; an empty guide where it says nothing, or another program wrote it."""
    try:
        return msgspec.json.decode(program.graph.metadata_props.get(KEY, "{}"), type=Guide)
    except msgspec.DecodeError:
        return Guide()
