"""Equations of an Einsum: what each letter does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

_DOTS = "..."
_UNNAMED = "0123456789"
"""Stand for the axes that an equation writes as dots, the last of them as the last."""


@dataclass(frozen=True)
class Labels:
    """The letters of an equation of two operands, by what they do."""

    left: str
    right: str
    out: str

    @property
    def batch(self) -> str:
        """What all three have."""
        return "".join(c for c in self.out if c in self.left and c in self.right)

    @property
    def rows(self) -> str:
        """What the left operand alone hands on."""
        return "".join(c for c in self.out if c in self.left and c not in self.right)

    @property
    def columns(self) -> str:
        """What the right operand alone hands on."""
        return "".join(c for c in self.out if c in self.right and c not in self.left)

    @property
    def summed(self) -> str:
        """What both have and the output has not."""
        return "".join(c for c in self.left if c in self.right and c not in self.out)

    def swapped(self) -> Labels:
        """The same with the operands exchanged."""
        return Labels(self.right, self.left, self.out)


def parsed(equation: str, ranks: Sequence[int]) -> tuple[list[str], str] | None:
    """The letters of each operand and of the output, one for each axis.

    None for an equation that is none for such operands, or that takes a diagonal.
    """
    sides, arrow, out = equation.replace(" ", "").partition("->")
    given = sides.split(",")
    if len(given) != len(ranks):
        return None
    named = [_named(s, rank) for s, rank in zip(given, ranks, strict=True)]
    dots = max((n[1] for n in named), key=len)
    operands = [n[0] for n in named]
    if not arrow:
        once = Counter(chain.from_iterable(s.replace(_DOTS, "") for s in given))
        out = _DOTS + "".join(sorted(c for c, count in once.items() if count == 1))
    out = out.replace(_DOTS, dots)
    known = {*chain.from_iterable(operands)}
    whole = all(len(o) == rank for o, rank in zip(operands, ranks, strict=True))
    single = all(len({*letters}) == len(letters) for letters in (*operands, out))
    return (operands, out) if whole and single and {*out} <= known else None


def _named(letters: str, rank: int) -> tuple[str, str]:
    """The letters with some for the dots, and those alone."""
    count = max(0, rank - len(letters.replace(_DOTS, "")))
    dots = _UNNAMED[len(_UNNAMED) - count :] if _DOTS in letters else ""
    return letters.replace(_DOTS, dots), dots
