"""What the delegates of phones and boards take, as data: kinds of operators and what they ask.

Read in the delegates' sources and documents; nothing of it was run here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mcompile.backends.litert.listing import Listed

Ask = Callable[[Listed], str]
"""Why a delegate refuses an operator; empty where it does not."""


@dataclass(frozen=True)
class Delegate:
    """`takes` are kinds with what else is asked of them, `every` is asked of all.

    `parts` is how many pieces of a graph it takes by default, the largest; with `only_first` it
    takes nothing behind the first operator that it refuses.
    """

    name: str
    source: str
    takes: Mapping[str, tuple[Ask, ...]]
    every: tuple[Ask, ...] = ()
    parts: int = 1
    only_first: bool = False
    versions: Mapping[str, int] = field(default_factory=dict)

    def refuses(self, op: Listed) -> str:
        """Why it leaves an operator to the CPU; empty where it takes it."""
        if op.kind not in self.takes:
            return "it has no such operator"
        newest = self.versions.get(op.kind)
        if newest is not None and op.version > newest:
            return f"it knows versions up to {newest}, and this is {op.version}"
        asked = (ask(op) for ask in (*self.every, *self.takes[op.kind]))
        return next((why for why in asked if why), "")


def types(*allowed: str) -> Ask:
    """Asks that all that is computed at run time is of these types."""

    def ask(op: Listed) -> str:
        found = next((t.dtype for t in (*op.computed, *op.outputs) if t.dtype not in allowed), "")
        return f"it takes no {found}" if found else ""

    return ask


def rank(most: int, least: int = 0) -> Ask:
    """Asks for inputs and outputs of so many axes."""

    def ask(op: Listed) -> str:
        ranks = {len(t.shape) for t in (*op.computed, *op.outputs)}
        wrong = sorted(r for r in ranks if not least <= r <= most)
        return f"it takes no tensor of {wrong[0]} axes" if wrong else ""

    return ask


def computed(*counts: int) -> Ask:
    """Asks for so many inputs that are no constants."""

    def ask(op: Listed) -> str:
        return "" if len(op.computed) in counts else f"it takes no {len(op.computed)} such inputs"

    return ask


def plain(name: str, *, value: int = 0) -> Ask:
    """Asks that an option has that value."""

    def ask(op: Listed) -> str:
        return "" if op.fields.get(name, value) == value else f"it takes no {name}"

    return ask


def constant(index: int, what: str) -> Ask:
    """Asks that an input is a constant."""

    def ask(op: Listed) -> str:
        found = op.input(index)
        return "" if found is None or found.constant else f"its {what} must be constant"

    return ask


def one_picture(op: Listed) -> str:
    """Asks for tensors of which only the three innermost axes are larger than 1."""
    large = [t for t in (*op.computed, *op.outputs) if any(d != 1 for d in t.shape[:-3])]
    return "it takes no more than three axes larger than 1" if large else ""


def unmixed(op: Listed) -> str:
    """Asks that floats meet no weights in integers."""
    codes = [t for t in op.inputs if t is not None and t.constant and t.dtype == "int8"]
    return "it takes no floats with weights in integers" if op.is_float and codes else ""


def spreads(op: Listed) -> str:
    """Asks for operands of the same number of axes, or one of the pairs that are broadcast."""
    first, second = op.input(0), op.input(1)
    if first is None or second is None:
        return "it needs two operands"
    long, short = sorted((first.shape, second.shape), key=len, reverse=True)
    if len(long) == len(short) or len(short) < 2:
        return ""
    fits = len(long) == 4 and (
        (len(short) == 3 and long[0] == 1)
        or (len(short) == 2 and long[0] == 1 and short == (1, 1))
        or (len(short) == 2 and (long[0], long[3]) == short)
    )
    return "" if fits else f"it broadcasts no {len(short)} axes to {len(long)}"


def each(*kinds: str, asks: tuple[Ask, ...] = ()) -> dict[str, tuple[Ask, ...]]:
    """The same asked of several kinds."""
    return dict.fromkeys(kinds, asks)
