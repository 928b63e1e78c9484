"""What whoever runs the model must know, kept in the program: how it is fed, and its classes.

It travels as ONNX's own metadata, so that every backend can read it where it writes its files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from mcompile.types import Program

KEY = "mcompile.guide"


@dataclass(frozen=True)
class Guide:
    """`preprocess` is how a picture becomes the input, `labels` are the names of the classes."""

    preprocess: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()


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
