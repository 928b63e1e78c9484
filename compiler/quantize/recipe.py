"""What the choice of a recipe is made from and ends in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mcompile.quantize.insert import insert
from mcompile.quantize.plan import plan
from mcompile.quantize.ranges import Ranges
from mcompile.types import Changed, Program, QuantPlan, Scheme


@dataclass(frozen=True)
class Score:
    """What one file showed on samples held out: SQNR of its worst output, and its median time.

    The time is in milliseconds, 0 where it was not taken.
    """

    sqnr_db: float
    latency_ms: float = 0.0


Judge = Callable[[Sequence[Program], bool], Sequence[Score]]
"""Lowers, opens and runs programs side by side, and times them if asked; scores in their order."""


@dataclass(frozen=True)
class Recipe:
    """All that a plan is made from, but for the layers that stay float.

    `changed` says how the program was made from that of the build, where it is another one.
    """

    program: Program
    ranges: Ranges
    scheme: Scheme
    clips: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    keep_float: Collection[str] = ()
    threads: int | None = None
    changed: Changed | None = None

    def plan(self, kept: Collection[str] = ()) -> QuantPlan:
        """The plan in which those layers stay float too."""
        names = (*self.keep_float, *kept)
        made = plan(self.program, self.ranges, self.scheme, self.clips, names)
        return replace(made, changed=self.changed)

    def written(self, found: QuantPlan) -> Program:
        """The program with the plan's Q/DQ pairs."""
        return insert(self.program, found, self.scheme)


@dataclass(frozen=True)
class Tried:
    """One file that was measured: how it was made, its float layers, and what it showed."""

    how: str
    kept: tuple[str, ...]
    score: Score


@dataclass(frozen=True)
class Aim:
    """How good is good enough, and how long to look.

    Below `floor_db`, and for a file that `holds` says is too inaccurate, steps are taken that cost
    speed. With `thorough` each step looks further.
    `stop` says that it is enough: the best so far is taken then. `tell` hears of each step, and
    `kept` is a file that rounding writes as it goes, and goes on from.
    """

    floor_db: float
    holds: Callable[[Program], bool] = lambda _: True
    thorough: bool = False
    kept: Path | None = None
    stop: Callable[[], bool] = lambda: False
    tell: Callable[[str], None] = lambda _: None


@dataclass(frozen=True)
class Chosen:
    """The plan that was kept and its recipe, every file that was measured, and noise by layer.

    `taken` is the place of the kept file among them; the first is the plain one. `noise` is the
    SQNR in dB that each layer leaves alone, where that was asked.
    """

    recipe: Recipe
    plan: QuantPlan
    tried: tuple[Tried, ...]
    taken: int = 0
    noise: Mapping[str, float] = field(default_factory=dict)

    @property
    def best(self) -> Tried:
        """What the kept file showed."""
        return self.tried[self.taken]

    @property
    def program(self) -> Program:
        """The program with the plan's Q/DQ pairs."""
        return self.recipe.written(self.plan)
