"""Rows of text in aligned columns for a console that may be a file: never wrapped, never cut."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.cells import cell_len
from rich.text import Text

GAP = 3
Cell = tuple[str, str]
"""What a cell says, and its style."""


def align(rows: Sequence[Sequence[Cell]], indent: int = 2) -> list[Text]:
    """One line a row, each column as wide as its widest cell; nothing trails a line."""
    widths = [
        max(cell_len(c[0]) for c in column) for column in zip_longest(*rows, fillvalue=("", ""))
    ]
    return [_line(row, widths, indent) for row in rows]


def _line(row: Sequence[Cell], widths: Sequence[int], indent: int) -> Text:
    text = Text(" " * indent)
    for (words, style), width in zip(row, widths, strict=False):
        text.append(words, style)
        text.append(" " * (width - cell_len(words) + GAP))
    text.rstrip()
    return text
