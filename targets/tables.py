"""Reads a profile's TOML, and says by line and column what is wrong with it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from mcompile.errors import TargetError
from mcompile.targets.places import Place

_SPOT = re.compile(r"\s*\(at (line \d+, column \d+|end of document)\)$")


def read(place: Place) -> dict[str, Any]:
    """What the file says, unchecked. Raises `TargetError` where it cannot be read or parsed."""
    text = _text(place)
    try:
        return msgspec.toml.decode(text, type=dict[str, Any])
    # Deep nesting overflows the stack and a number of 5,000 digits is refused by `int` itself.
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        said = str(error).splitlines()[0]
        spot = _SPOT.search(said)
        fact = _SPOT.sub("", said)
        raise TargetError(
            f"the profile is not valid TOML: {fact[:1].lower()}{fact[1:]}",
            where=place.label + (f", {spot[1]}" if spot else ""),
            fix='lines such as `memory_mb = 4096` or `backend = "onnxruntime"`',
        ) from error


def _text(place: Place) -> str:
    if place.path.is_dir():
        raise TargetError(
            "the profile is a folder", where=place.label, fix="the path of the file inside it"
        )
    try:
        # Editors on Windows put a mark in front that TOML does not know.
        return place.path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise TargetError(
            "there is no such profile", where=place.label, fix="the names in `mcompile targets`"
        ) from error
    except (OSError, ValueError) as error:
        raise _unreadable(place, error) from error


def _unreadable(place: Place, error: OSError | ValueError) -> TargetError:
    if isinstance(error, UnicodeDecodeError):
        return TargetError("the profile is not text", where=place.label, fix="save it as UTF-8")
    said = getattr(error, "strerror", None) or str(error)
    return TargetError(
        f"the profile cannot be read: {said.lower()}",
        where=place.label,
        fix="check the path and its permissions",
    )
