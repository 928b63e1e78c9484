"""The cheapest way to split things in two, where some groups cost when they are torn apart.

A minimum cut of a hypergraph by augmenting paths (Edmonds and Karp 1972; a group is an arc between
two helping vertices, Lawler 1973). Of all cheapest splits the one with the fewest things on the
first side comes back; there is exactly one, so the outcome depends on no order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from typing import TypeVar

Thing = TypeVar("Thing", bound=Hashable)

FIRST, SECOND = "first side", "second side"
"""Names, within a group, of the two sides themselves."""


def split(groups: Iterable[tuple[Iterable[Thing | str], int]]) -> set[Thing | str]:
    """The things that go to the first side; each group torn apart costs its weight.

    A group may name `FIRST` or `SECOND`: its things then want to be on that side.
    """
    arcs: dict[Hashable, dict[Hashable, float]] = {FIRST: {}, SECOND: {}}
    things: set[Thing | str] = set()
    for number, (members, weight) in enumerate(groups):
        distinct = dict.fromkeys(members)
        things.update(distinct)
        inward, outward = ("in", number), ("out", number)
        _join(arcs, inward, outward, weight)
        for thing in distinct:
            _join(arcs, thing, inward, float("inf"))
            _join(arcs, outward, thing, float("inf"))
    while path := _path(arcs):
        room = min(arcs[a][b] for a, b in path)
        for a, b in path:
            arcs[a][b] -= room
            arcs[b][a] += room
    return (things & _reached(arcs).keys()) - {FIRST}


def _join(arcs: dict[Hashable, dict[Hashable, float]], a: Hashable, b: Hashable, c: float) -> None:
    """An arc of that capacity, and the way back that an augmenting path may take."""
    arcs.setdefault(a, {})
    arcs.setdefault(b, {})
    arcs[a][b] = arcs[a].get(b, 0) + c
    arcs[b].setdefault(a, 0)


def _reached(arcs: dict[Hashable, dict[Hashable, float]]) -> dict[Hashable, Hashable]:
    """Each vertex that the first side still reaches, with the one before it."""
    before: dict[Hashable, Hashable] = {FIRST: None}
    queue: deque[Hashable] = deque([FIRST])
    while queue and SECOND not in before:
        vertex = queue.popleft()
        for other, room in arcs[vertex].items():
            if room > 0 and other not in before:
                before[other] = vertex
                queue.append(other)
    return before


def _path(arcs: dict[Hashable, dict[Hashable, float]]) -> list[tuple[Hashable, Hashable]]:
    """The arcs of a shortest way from the first side to the second; empty where there is none."""
    before = _reached(arcs)
    path: list[tuple[Hashable, Hashable]] = []
    vertex: Hashable = SECOND if SECOND in before else FIRST
    while (last := before[vertex]) is not None:
        path.append((last, vertex))
        vertex = last
    return path
