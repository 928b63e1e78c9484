"""Which recipe the integers are made by, chosen by what the real file does.

Each step tries files beside the best so far, and keeps one that measures better on samples held
out:

1. ranges drawn in tensor by tensor, and Concats that drown a part left float;
2. weights rounded and biases shifted, layer by layer;
3. below the floor, or where there is time: the same function with its channels scaled otherwise;
4. still below it: layers left float.

What a file costs is counted, not timed, so that the same data always give the same file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mcompile.quantize.choose import choose
from mcompile.quantize.concats import left_float, mixed
from mcompile.quantize.correct import corrections
from mcompile.quantize.recipe import Aim, Chosen, Judge, Recipe, Score, Tried
from mcompile.quantize.refine import refine
from mcompile.quantize.rounding import QUICK, THOROUGH, Effort
from mcompile.quantize.unquantized import Floats
from mcompile.quantize.variants import transformed
from mcompile.types import Feeds, QuantPlan

_UNMEASURED = Score(0.0)
QUICKLY = {"weights regressed and rounded": QUICK}
THOROUGHLY = {
    "weights rounded": replace(THOROUGH, ridges=()),
    "weights regressed and rounded": THOROUGH,
}
_GAIN_DB = 0.1
"""What a step must gain on the samples held out: less may be their luck."""


def select(recipe: Recipe, feeds: Sequence[Feeds], judge: Judge, aim: Aim) -> Chosen:
    """The plan that costs least of those that reach the floor, else the most accurate one.

    `feeds` are a few dozen calibration samples, other ones than `judge` measures on.
    """
    search = _Search(feeds, judge, aim)
    best = search.fitted(search.measured([_File("plain", recipe, recipe.plan())])[0])
    plain = best
    best = search.refined(best)
    if search.goes_on(best) or (aim.thorough and not aim.stop()):
        best = search.scaled(plain, best)
    noise: Mapping[str, float] = {}
    if search.goes_on(best):
        best, noise = search.floated(best)
    return Chosen(best.recipe, best.plan, tuple(search.tried), best.place, noise)


@dataclass(frozen=True)
class _File:
    """One file: how it was made, its layers left float, and what it showed at its place."""

    how: str
    recipe: Recipe
    plan: QuantPlan
    kept: tuple[str, ...] = ()
    score: Score = _UNMEASURED
    place: int = 0


@dataclass
class _Search:
    feeds: Sequence[Feeds]
    judge: Judge
    aim: Aim
    tried: list[Tried] = field(default_factory=list)

    def measured(self, files: Sequence[_File], timed: bool = False) -> list[_File]:
        """The files with what they showed, in their order."""
        scores = self.judge([f.recipe.written(f.plan) for f in files], timed)
        found = []
        for file, score in zip(files, scores, strict=True):
            found.append(replace(file, score=score, place=len(self.tried)))
            self.tried.append(Tried(file.how, file.kept, score))
        return found

    def goes_on(self, best: _File) -> bool:
        """Whether the floor is not reached, and there is time to look further."""
        return best.score.sqnr_db < self.aim.floor_db and not self.aim.stop()

    def fitted(self, plain: _File) -> _File:
        """Concats that drown a part left float, and ranges drawn in where that pays."""
        self.aim.tell("choosing ranges")
        recipe, best = plain.recipe, plain
        drowning = left_float(mixed(recipe.program, recipe.ranges, plain.plan, recipe.scheme))
        if drowning:
            apart = replace(recipe, keep_float=(*recipe.keep_float, *drowning))
            made = apart.plan()
            made = replace(made, left_float={**made.left_float, **drowning})
            how = f"{len(drowning)} Concats of unlike parts float"
            best = self._better(best, replace(plain, how=how, recipe=apart, plan=made))
        drawn_in = choose(
            recipe.program, recipe.ranges, best.plan, recipe.scheme, self.feeds,
            threads=recipe.threads, stop=self.aim.stop,
        )  # fmt: skip
        clips = {n: ends for n, ends in drawn_in.items() if n not in recipe.clips}
        if not clips:
            return best
        narrowed = replace(best.recipe, clips={**clips, **recipe.clips})
        made = replace(narrowed.plan(), left_float=best.plan.left_float)
        how = f"{_and(best.how)}{len(clips)} ranges drawn in"
        return self._better(best, replace(best, how=how, recipe=narrowed, plan=made))

    def refined(self, best: _File) -> _File:
        """The file with biases shifted, or weights rounded too, for what each layer really reads.

        What is best for each layer is not always so for all of them.
        """
        recipe, found = best.recipe, [best]
        given = recipe.program, best.plan, recipe.scheme, self.feeds
        self.aim.tell("shifting biases")
        if shifts := corrections(*given, threads=recipe.threads):
            made = replace(best.plan, shifts=shifts)
            found.append(self._better(best, self._changed(best, "biases shifted", made)))
        for how, effort in (THOROUGHLY if self.aim.thorough else QUICKLY).items():
            if self.aim.stop():
                break
            made = self._rounded(best, how, effort)
            if made.codes:
                found.append(self._better(best, self._changed(best, how, made)))
        return _most(found)

    def _rounded(self, best: _File, how: str, effort: Effort) -> QuantPlan:
        recipe, aim = best.recipe, self.aim
        return refine(
            recipe.program, best.plan, recipe.scheme, self.feeds, effort=effort,
            threads=recipe.threads, stop=aim.stop,
            kept=Path(f"{aim.kept}.{len(self.tried)}") if aim.kept else None,
            progress=lambda done, total: aim.tell(f"{how}: layer {done} of {total}"),
        )  # fmt: skip

    def _changed(self, best: _File, how: str, made: QuantPlan) -> _File:
        return replace(best, how=f"{_and(best.how)}{how}", plan=made)

    def scaled(self, plain: _File, best: _File) -> _File:
        """The best of the variants of the program, rounded too where it is better than `plain`.

        Those with more operations than the program are tried below the floor only.
        """
        recipe, found = plain.recipe, plain
        variants = transformed(
            recipe.program, recipe.ranges, recipe.scheme, self.feeds, threads=recipe.threads
        )
        for each in variants:
            if self.aim.stop() or (each.added and not self.goes_on(best)):
                break
            self.aim.tell(each.how)
            own = replace(recipe, program=each.program, ranges=each.ranges, clips={})
            found = self._better(found, _File(each.how, own, own.plan()))
        if found is plain:
            return best
        return max(best, self.refined(self.fitted_again(found)), key=lambda f: f.score.sqnr_db)

    def fitted_again(self, variant: _File) -> _File:
        """The variant with ranges drawn in."""
        return variant if self.aim.stop() else self.fitted(variant)

    def floated(self, best: _File) -> tuple[_File, Mapping[str, float]]:
        """The file with layers left float that reaches the floor at least cost, and their noise."""
        self.aim.tell("ranking layers by the noise that each makes alone")
        floats = Floats(best.recipe, best.plan, self.feeds, self.aim)
        found: list[_File] = []
        for sets in floats.sets():
            files = [
                replace(best, how=f"{_and(best.how)}{how}", kept=kept, plan=floats.plan(kept))
                for how, kept in sets.items()
            ]
            found += self.measured(files, timed=True)
            if self.aim.stop() or any(not self.goes_on(f) for f in found):
                break
        if not found:
            return best, floats.noise
        enough = [f for f in found if f.score.sqnr_db >= self.aim.floor_db]
        good = min(enough, key=lambda f: floats.cost(f.kept)) if enough else _most(found)
        return _most([best, good, self.refined(good)]), floats.noise

    def _better(self, best: _File, other: _File) -> _File:
        """The other file where it measures better by more than luck."""
        found = self.measured([other])[0]
        return found if found.score.sqnr_db > best.score.sqnr_db + _GAIN_DB else best


def _most(files: Sequence[_File]) -> _File:
    return max(files, key=lambda f: f.score.sqnr_db)


def _and(how: str) -> str:
    return "" if how == "plain" else f"{how}, "
