"""Which recipe the integers are made by, chosen by what the real file does.

Each step tries files beside the best so far, and keeps one that measures better on samples held
out:

1. Concats that drown a part left float; ranges drawn in by one method for all tensors, and tensor
   by tensor;
2. biases shifted, and weights regressed and rounded, layer by layer;
3. below the floor, or where there is time: the same function with its channels scaled otherwise;
4. still below it: layers left float.

What a file costs is counted, not timed, so that the same data always give the same file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from mcompile.quantize.candidate import File, apart, by_methods, drawn_in, most
from mcompile.quantize.choose import choose
from mcompile.quantize.correct import corrections
from mcompile.quantize.recipe import Aim, Chosen, Judge, Recipe, Tried
from mcompile.quantize.refine import refine
from mcompile.quantize.rounding import QUICK, THOROUGH, Effort
from mcompile.quantize.unquantized import Floats
from mcompile.quantize.variants import transformed
from mcompile.types import Feeds, QuantPlan

QUICKLY = {"weights regressed and rounded": QUICK}
THOROUGHLY = {
    "weights rounded on many rows": replace(THOROUGH, ridges=()),
    "weights regressed and rounded on many rows": THOROUGH,
}
_GAIN_DB, _MUCH_DB = 0.1, 1.0
"""What a step must gain on the samples held out: less may be luck; more needs no other try."""


def select(recipe: Recipe, feeds: Sequence[Feeds], judge: Judge, aim: Aim) -> Chosen:
    """The plan that costs least of those that reach the floor, else the most accurate one.

    `feeds` are a few dozen calibration samples, other ones than `judge` measures on. A thorough
    search begins where the other ends: whatever its time, it is never the worse one.
    """
    search = _Search(feeds, judge, replace(aim, thorough=False, kept=None, stop=_never))
    plain = search.measured([File("plain", recipe, recipe.plan())])[0]
    fitted = search.fitted(plain)
    best = search.refined(fitted)
    if search.goes_on(best):
        best = search.preferred(best, search.scaled(plain, best))
    if search.goes_on(best):
        best = search.floated(best)
    if aim.thorough:
        search.aim = aim
        best = search.further(plain, fitted, best)
    return Chosen(best.recipe, best.plan, tuple(search.tried), best.place, search.noise)


@dataclass
class _Search:
    feeds: Sequence[Feeds]
    judge: Judge
    aim: Aim
    tried: list[Tried] = field(default_factory=list)
    held: dict[int, bool] = field(default_factory=dict)
    passes: Iterator[int] = field(default_factory=count)
    noise: Mapping[str, float] = field(default_factory=dict)

    def further(self, plain: File, fitted: File, best: File) -> File:
        """What more time finds; each step only while there is some left."""
        steps: Sequence[Callable[[], File]] = (
            lambda: self.refined(fitted),
            lambda: self.scaled(plain, fitted),
            lambda: self.refined(own) if (own := self.drawn_in(plain)) is not plain else plain,
        )
        for step in steps:
            if not self.aim.stop():
                best = self.preferred(best, step())
        return self.preferred(best, self.floated(best)) if self.goes_on(best) else best

    def preferred(self, one: File, other: File) -> File:
        """The one that suffices; of two, that with fewer float layers, then the more accurate."""

        def rank(file: File) -> tuple[bool, int, float]:
            enough = self.suffices(file)
            return enough, -len(file.kept) if enough else 0, file.score.sqnr_db

        return max(one, other, key=rank)

    def measured(self, files: Sequence[File]) -> list[File]:
        """The files with what they showed, in their order."""
        scores = self.judge([f.recipe.written(f.plan) for f in files], False) if files else ()
        found = []
        for file, score in zip(files, scores, strict=True):
            found.append(replace(file, score=score, place=len(self.tried)))
            self.tried.append(Tried(file.how, file.kept, score))
        return found

    def knows(self, how: str) -> bool:
        """Whether a file that was made so was measured already."""
        return any(t.how == how for t in self.tried)

    def paced(self, files: Sequence[File]) -> None:
        """Note the times of those files, taken side by side."""
        scores = self.judge([f.recipe.written(f.plan) for f in files], True)
        for file, score in zip(files, scores, strict=True):
            self.tried[file.place] = replace(self.tried[file.place], score=score)

    def better(self, best: File, *others: File) -> File:
        """The best of the others where it measures better by more than luck."""
        top = most([best, *self.measured(others)])
        return top if top.score.sqnr_db > best.score.sqnr_db + _GAIN_DB else best

    def suffices(self, file: File) -> bool:
        """Whether the file reaches the floor, and holds what accuracy was asked for."""
        if file.score.sqnr_db < self.aim.floor_db:
            return False
        if file.place not in self.held:
            self.held[file.place] = self.aim.holds(file.recipe.written(file.plan))
        return self.held[file.place]

    def goes_on(self, best: File) -> bool:
        """Whether the best does not suffice, and there is time to look further."""
        return not self.suffices(best) and not self.aim.stop()

    def fitted(self, plain: File) -> File:
        """Concats that drown a part left float, and ranges drawn in where that pays."""
        if self.aim.stop():
            return plain
        self.aim.tell("choosing ranges")
        best = self.better(plain, *apart(plain))
        files = [drawn_in(best, f"ranges by {name}", clips) for name, clips in by_methods(best)]
        return self.better(best, *files)

    def drawn_in(self, plain: File) -> File:
        """The file with the ends of each tensor chosen by what its readers make of them."""
        recipe = plain.recipe
        self.aim.tell("choosing ranges tensor by tensor")
        clips = choose(
            recipe.program, recipe.ranges, plain.plan, recipe.scheme, self.feeds,
            threads=recipe.threads, stop=self.aim.stop,
        )  # fmt: skip
        if not clips or self.aim.stop():
            return plain
        return self.better(plain, drawn_in(plain, f"{len(clips)} ranges drawn in", clips))

    def refined(self, best: File) -> File:
        """The file with weights rounded and biases shifted for what each layer really reads.

        What is best for each layer is not always so for all of them: where little was gained, the
        biases are shifted alone.
        """
        found = best
        for how, effort in (THOROUGHLY if self.aim.thorough else QUICKLY).items():
            if self.aim.stop():
                return found
            made = self._rounded(best, how, effort)
            if made.codes:
                found = most([found, self.better(best, best.also(how, made))])
        if self.aim.stop() or found.score.sqnr_db > best.score.sqnr_db + _MUCH_DB:
            return found
        self.aim.tell("shifting biases")
        moved = best.also("biases shifted", self.shifted(best.recipe, best.plan))
        new = moved.plan.shifts and not self.knows(moved.how)
        return most([found, self.better(best, moved)]) if new else found

    def shifted(self, recipe: Recipe, plan: QuantPlan) -> QuantPlan:
        """The plan with its biases shifted."""
        given = recipe.program, plan, recipe.scheme, self.feeds
        return replace(plan, shifts=corrections(*given, threads=recipe.threads))

    def _rounded(self, best: File, how: str, effort: Effort) -> QuantPlan:
        recipe, aim = best.recipe, self.aim
        return refine(
            recipe.program, best.plan, recipe.scheme, self.feeds, effort=effort,
            threads=recipe.threads, stop=aim.stop,
            kept=Path(f"{aim.kept}.{next(self.passes)}") if aim.kept else None,
            progress=lambda done, total: aim.tell(f"{how}: layer {done} of {total}"),
        )  # fmt: skip

    def scaled(self, plain: File, best: File) -> File:
        """The best of the variants of the program, rounded too, where that is better.

        They are compared with their biases shifted: the order is another one without. Those with
        more operations than the program are tried below the floor only.
        """
        recipe, found = plain.recipe, []
        if recipe.clips:  # ends that were asked for are those of this program
            return best
        variants = transformed(
            recipe.program, recipe.ranges, recipe.scheme, self.feeds, threads=recipe.threads,
            every=self.aim.thorough,
        )  # fmt: skip
        for each in variants:
            if self.aim.stop() or (each.added and not self.goes_on(best)):
                break
            if self.knows(each.how):
                continue
            self.aim.tell(each.how)
            own = replace(
                recipe, program=each.program, ranges=each.ranges, clips={}, changed=each.changed
            )
            found += self.measured([File(each.how, own, self.shifted(own, own.plan()))])
        if not found:
            return best
        top = most(found)
        bare = replace(top, plan=replace(top.plan, shifts={}))
        return most([best, top, self.refined(self.fitted(bare))])

    def floated(self, best: File) -> File:
        """The file with layers left float that suffices at least cost, else the most accurate."""
        self.aim.tell("ranking layers by the noise that each makes alone")
        floats = Floats(best.recipe, best.plan, self.feeds, self.aim)
        self.noise = floats.noise
        found: list[File] = []
        for sets in floats.sets():
            files = [replace(best.also(how, floats.plan(s)), kept=s) for how, s in sets.items()]
            found += self.measured([f for f in files if not self.knows(f.how)])
            if self.aim.stop() or any(map(self.suffices, found)):
                break
        if not found:
            return best
        enough = [f for f in found if self.suffices(f)]
        good = min(enough, key=lambda f: floats.cost(f.kept)) if enough else most(found)
        files = [self.refined(good), good, best]
        last = next(filter(self.suffices, files), most(files))
        self.paced(list({f.place: f for f in (best, good, last)}.values()))
        return last


def _never() -> bool:
    return False
