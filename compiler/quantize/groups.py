"""Values that must share one scale: sets that grow by union, each with what binds it.

A group that holds the output of an op with a fixed range takes that range, where it covers what the
other members hold. Of two ranges that cannot be one the node that would join them is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

Ends = tuple[float, float]


@dataclass(frozen=True)
class Bound:
    """What a group holds, and the range that one of its members must have."""

    low: float = inf
    high: float = -inf
    fixed: Ends | None = None
    by: str = ""

    @property
    def ends(self) -> Ends:
        """The smallest and the largest value that the group holds."""
        return self.low, self.high

    def step(self, levels: int) -> float:
        """The distance of two codes of the fixed range."""
        return (self.fixed[1] - self.fixed[0]) / levels if self.fixed else 0.0


class Groups:
    """A partition of values by name.

    `ends` is the range that each value was observed to have, `fixed` the one that some must have.
    """

    def __init__(self, ends: Mapping[str, Ends], fixed: Mapping[str, Ends], levels: int) -> None:
        self._ends, self._fixed, self._levels = ends, fixed, levels
        self._parent: dict[str, str] = {}
        self._bounds: dict[str, Bound] = {}

    def join(self, inputs: Sequence[str], outputs: Sequence[str]) -> str:
        """Put them into one group; why that cannot be, and nothing is changed, else empty.

        What only moves its inputs holds nothing else: the ranges of outputs do not count.
        """
        new = [n for n in outputs if n not in self._parent and n not in self._fixed]
        for name in new:
            self._parent[name], self._bounds[name] = name, Bound(by=name)
        roots = list(dict.fromkeys(self.root(n) for n in (*inputs, *outputs)))
        found = [self._bounds[r] for r in roots]
        reason = self._conflict(found)
        if reason:
            for name in new:
                del self._parent[name], self._bounds[name]
            return reason
        held = next((b for b in found if b.fixed), found[0])
        low, high = min(b.low for b in found), max(b.high for b in found)
        for other in roots[1:]:
            self._parent[other] = roots[0]
        self._bounds[roots[0]] = Bound(low, high, held.fixed, held.by)
        return ""

    def root(self, name: str) -> str:
        """The name that stands for the value's group."""
        if name not in self._parent:
            self._parent[name] = name
            fixed = self._fixed.get(name)
            own = (inf, -inf) if fixed else self._ends[name]
            self._bounds[name] = Bound(*own, fixed, name)
        while self._parent[name] != name:
            self._parent[name] = self._parent[self._parent[name]]
            name = self._parent[name]
        return name

    def bound(self, name: str) -> Bound:
        """What binds the value's group."""
        found = self._bounds[self.root(name)]
        return found if found.low <= found.high or found.fixed else Bound(*self._ends[name])

    def _conflict(self, found: Sequence[Bound]) -> str:
        fixed = [b for b in found if b.fixed]
        if len({b.fixed for b in fixed}) > 1:
            one, other = fixed[:2]
            return f"it would join {one.by} and {other.by}, whose fixed scales differ"
        if fixed and fixed[0].fixed:
            step = fixed[0].step(self._levels)
            low, high = fixed[0].fixed
            if any(b.low < low - step or b.high > high + step for b in found):
                return f"it would join others to {fixed[0].by}, whose fixed scale is too small"
        return ""
