"""How much of a file the accelerators of phones and boards take, by their documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from mcompile.backends.litert.delegates import Delegate
from mcompile.backends.litert.listing import Listed, macs
from mcompile.backends.litert.takers import ALL
from mcompile.coverage import Coverage
from mcompile.types import Provenance


def coverage(ops: Sequence[Listed], delegates: Iterable[Delegate] = ALL) -> tuple[Coverage, ...]:
    """A row for each delegate: what it would take by default. Nothing of it was run.

    What only unpacks a constant is no operator to them: `ops` are without it.
    """
    return tuple(_row(ops, delegate) for delegate in delegates)


def told(name: str, ops: Sequence[Listed], taken: Iterable[int], parts: int) -> Coverage:
    """The row of a delegate that ran here: `taken` are the places of the operators it took."""
    kept = {*taken}
    left = Counter(op.kind for i, op in enumerate(ops) if i not in kept)
    return Coverage(
        name, len(ops), len(kept), parts, tuple(_counted(k, n) for k, n in left.items()),
        _share(ops, kept), Provenance.MEASURED,
    )  # fmt: skip


def pieces(ops: Sequence[Listed], takes: Sequence[bool]) -> list[list[int]]:
    """The operators in the groups that TensorFlow Lite makes of them, in the order they run.

    A group is all that is of one kind, taken or not, and can run with what the groups before made.
    """
    left = list(range(len(ops)))
    made_later = {t.index for op in ops for t in op.outputs}
    found: list[list[int]] = []
    while left:
        turn = next((takes[i] for i in left if not _waits(ops[i], made_later)), takes[left[0]])
        group: list[int] = []
        for i in left:
            if takes[i] is turn and not _waits(ops[i], made_later):
                group.append(i)
                made_later -= {t.index for t in ops[i].outputs}
        if not group:  # a graph that goes in a circle, which no file of ours does
            group = left[:1]
            made_later -= {t.index for t in ops[group[0]].outputs}
        left = [i for i in left if i not in {*group}]
        found.append(group)
    return found


def _waits(op: Listed, made_later: set[int]) -> bool:
    return any(t.index in made_later for t in op.computed)


def _row(ops: Sequence[Listed], delegate: Delegate) -> Coverage:
    refusals = [delegate.refuses(op) for op in ops]
    takes = [not why for why in refusals]
    groups = [group for group in pieces(ops, takes) if takes[group[0]]]
    largest = sorted(groups, key=len, reverse=True)[: delegate.parts]
    chosen = groups[:1] if delegate.only_first else largest
    kept = {i for group in chosen for i in group}
    reasons = Counter((op.kind, why) for op, why in zip(ops, refusals, strict=True) if why)
    fallen = [f"{_counted(kind, n)}: {why}" for (kind, why), n in reasons.items()]
    cut_off = sum(takes) - len(kept)
    if cut_off:
        fallen.append(f"{cut_off} more that it could take, in other parts of the graph")
    return Coverage(
        delegate.name, len(ops), len(kept), len(chosen), tuple(fallen), _share(ops, kept),
        source=delegate.source,
    )  # fmt: skip


def _counted(kind: str, count: int) -> str:
    return kind if count == 1 else f"{count} {kind}"


def _share(ops: Sequence[Listed], kept: set[int]) -> float | None:
    """The percentage of all multiply-accumulates; None for a file without any."""
    work = [macs(op) for op in ops]
    whole = sum(work)
    return 100 * sum(w for i, w in enumerate(work) if i in kept) / whole if whole else None
