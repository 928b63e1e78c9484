"""How mistakes are put into words: the nearest known name, the value as it was written."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def choice(words: Sequence[str], last: str = "or") -> str:
    """The words as a person lists them: `a, b or c`."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def nearest(word: str, known: Iterable[str]) -> str:
    """The known names that `word` may have meant, in their own order; all when none is near."""
    names = list(known)
    sought = word.lower().replace("-", "_")
    spelled = {name.replace("-", "_"): name for name in names}
    # A slip of the pen has one answer; only where there is none may a weaker likeness speak.
    slip = difflib.get_close_matches(sought, spelled, n=3, cutoff=0.9)
    close = slip or difflib.get_close_matches(sought, spelled, n=3)
    # Half a name (`latency`, `jetson`) is too far for a spelling match and yet says what was meant.
    near = {spelled[s] for s in close or [s for s in spelled if len(sought) > 2 and sought in s]}
    return choice([name for name in names if name in near] or names)


def shown(value: object) -> str:
    """A TOML value roughly as it stands in the file, cut where it is long."""
    if isinstance(value, bool):
        return str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
