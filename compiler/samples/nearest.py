"""The known name that a mistyped one probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggestion(name: str, known: Iterable[str]) -> str:
    """The nearest known names, or all of them when none is near; a phrase for an error's `fix`."""
    names = sorted(known)
    return " or ".join(difflib.get_close_matches(name, names, n=2, cutoff=0.5) or names)
