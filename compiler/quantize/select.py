"""Which layers stay float, chosen by what the real file does.

Layers are ranked by the noise that each makes alone. Files with the first 2, 4, 8 and 12 layers
float are tried, both of that rank and of those nearest to the input: the latter keep one unbroken
float stretch, which costs least. Noise is never added up: errors of layers cancel, and a file with
more float layers may be the worse one. Biases are corrected once the float layers stand.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mcompile.quantize.alone import noise_alone
from mcompile.quantize.correct import corrections
from mcompile.quantize.insert import insert
from mcompile.quantize.plan import plan
from mcompile.quantize.ranges import Ranges
from mcompile.types import Feeds, Program, QuantPlan, Scheme

COUNTS = (2, 4, 8, 12)
_RANKED = 5


@dataclass(frozen=True)
class Score:
    """What one file showed on samples held out: SQNR of its worst output, and its median time."""

    sqnr_db: float
    latency_ms: float


Judge = Callable[[Sequence[Program]], Sequence[Score]]
"""Lowers, opens, runs and times programs side by side; the scores in their order."""


@dataclass(frozen=True)
class Tried:
    """One file that was measured: how its float layers were chosen, and what it showed."""

    how: str
    kept: tuple[str, ...]
    score: Score


@dataclass(frozen=True)
class Chosen:
    """The plan that was kept, and every file that was measured for it.

    `taken` is the place of the kept file among them; the first is the plain one.
    """

    plan: QuantPlan
    tried: tuple[Tried, ...]
    taken: int = 0

    @property
    def best(self) -> Tried:
        """What the kept file showed."""
        return self.tried[self.taken]


@dataclass(frozen=True)
class Recipe:
    """All that a plan is made from, but for the layers that stay float."""

    program: Program
    ranges: Ranges
    scheme: Scheme
    clips: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    keep_float: Collection[str] = ()
    threads: int | None = None

    def plan(self, kept: Collection[str] = ()) -> QuantPlan:
        """The plan in which those layers stay float too."""
        names = (*self.keep_float, *kept)
        return plan(self.program, self.ranges, self.scheme, self.clips, names)

    def written(self, found: QuantPlan) -> Program:
        """The program with the plan's Q/DQ pairs."""
        return insert(self.program, found, self.scheme)


def select(
    recipe: Recipe,
    feeds: Sequence[Feeds],
    judge: Judge,
    floor_db: float,
    stop: Callable[[], bool] = lambda: False,
) -> Chosen:
    """The fastest plan that reaches the floor, else the most accurate one.

    `feeds` are a handful of calibration samples, other ones than `judge` measures on. Where the
    plain file reaches the floor, with corrected biases or without, no layer is made float. Once
    `stop` says that it is enough, no more files with float layers are tried.
    """
    everything = recipe.plan()
    first = _corrected(recipe, everything, feeds, judge, "plain")
    if first.best.score.sqnr_db >= floor_db or stop():
        return first
    noise = noise_alone(
        recipe.program, everything, recipe.scheme, feeds[:_RANKED],
        threads=recipe.threads, stop=stop,
    )  # fmt: skip
    found = _search(recipe, noise, judge, floor_db, stop)
    tried = (*first.tried, *found)
    if not found:
        return first
    best = _best(found, floor_db)
    last = _corrected(recipe, _told(recipe, best.kept, noise), feeds, judge, best.how)
    if first.best.score.sqnr_db >= last.best.score.sqnr_db:
        return replace(first, tried=tried)
    kept = tuple(replace(t, kept=best.kept) for t in last.tried)
    return replace(last, tried=(*tried, *kept), taken=len(tried) + last.taken)


def _corrected(
    recipe: Recipe,
    found: QuantPlan,
    feeds: Sequence[Feeds],
    judge: Judge,
    how: str,
) -> Chosen:
    """The plan, with corrected biases where that measures better."""
    shifts = corrections(recipe.program, found, recipe.scheme, feeds, threads=recipe.threads)
    if not shifts:
        return Chosen(found, (Tried(how, (), judge([recipe.written(found)])[0]),))
    moved = replace(found, shifts=shifts)
    one, other = judge([recipe.written(found), recipe.written(moved)])
    tried = (Tried(how, (), one), Tried(f"{how}, biases corrected", (), other))
    better = other.sqnr_db > one.sqnr_db
    return Chosen(moved if better else found, tried, int(better))


def _search(
    recipe: Recipe,
    noise: Mapping[str, float],
    judge: Judge,
    floor_db: float,
    stop: Callable[[], bool],
) -> list[Tried]:
    """Files with ever more float layers, until one reaches the floor."""
    ranked = sorted(noise, key=lambda n: noise[n])
    found: list[Tried] = []
    known: set[frozenset[str]] = set()
    for count in (c for c in COUNTS if c < len(ranked)):
        if stop():
            break
        sets = {"noisiest": ranked[:count], "first": list(noise)[:count]}
        new = {how: tuple(s) for how, s in sets.items() if frozenset(s) not in known}
        known |= {frozenset(s) for s in new.values()}
        scores = judge([recipe.written(recipe.plan(kept)) for kept in new.values()])
        for (how, kept), score in zip(new.items(), scores, strict=True):
            found.append(Tried(f"the {count} {how} layers float", kept, score))
        if any(t.score.sqnr_db >= floor_db for t in found):
            break
    return found


def _best(found: Sequence[Tried], floor_db: float) -> Tried:
    enough = [t for t in found if t.score.sqnr_db >= floor_db]
    if enough:
        return min(enough, key=lambda t: t.score.latency_ms)
    return max(found, key=lambda t: t.score.sqnr_db)


def _told(recipe: Recipe, kept: tuple[str, ...], noise: Mapping[str, float]) -> QuantPlan:
    """The plan with those layers float, which says of each what it would have cost."""
    found = recipe.plan(kept)
    reasons = {
        name: f"float: {index} of {len(kept)}, its noise alone {noise[name]:.1f} dB"
        for index, name in enumerate(sorted(kept, key=lambda n: noise[n]), 1)
    }
    return replace(found, left_float={**found.left_float, **reasons})
