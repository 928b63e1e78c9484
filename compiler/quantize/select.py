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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from mcompile.quantize.choose import choose
from mcompile.quantize.clipping import METHODS, Range
from mcompile.quantize.concats import left_float, mixed
from mcompile.quantize.correct import corrections
from mcompile.quantize.recipe import Aim, Chosen, Judge, Recipe, Score, Tried
from mcompile.quantize.refine import refine
from mcompile.quantize.rounding import QUICK, THOROUGH, Effort
from mcompile.quantize.unquantized import Floats
from mcompile.quantize.variants import transformed
from mcompile.types import Feeds, QuantPlan

QUICKLY = {"weights regressed and rounded": QUICK}
THOROUGHLY = {
    "weights rounded": replace(THOROUGH, ridges=()),
    "weights regressed and rounded": THOROUGH,
}
_GAIN_DB, _MUCH_DB = 0.1, 1.0
"""What a step must gain on the samples held out: less may be luck; more needs no other try."""
_UNMEASURED = Score(0.0)
_LEVELS = {"uint8": 256, "int8": 256, "uint16": 65536, "int16": 65536}


def select(recipe: Recipe, feeds: Sequence[Feeds], judge: Judge, aim: Aim) -> Chosen:
    """The plan that costs least of those that reach the floor, else the most accurate one.

    `feeds` are a few dozen calibration samples, other ones than `judge` measures on.
    """
    search = _Search(feeds, judge, aim)
    plain = search.measured([_File("plain", recipe, recipe.plan())])[0]
    best = search.refined(search.fitted(plain))
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

    def also(self, how: str, plan: QuantPlan, recipe: Recipe | None = None) -> _File:
        """The file with one thing more done."""
        told = how if self.how == "plain" else f"{self.how}, {how}"
        return replace(self, how=told, plan=plan, recipe=recipe or self.recipe)


@dataclass
class _Search:
    feeds: Sequence[Feeds]
    judge: Judge
    aim: Aim
    tried: list[Tried] = field(default_factory=list)
    held: dict[int, bool] = field(default_factory=dict)
    passes: Iterator[int] = field(default_factory=count)

    def measured(self, files: Sequence[_File]) -> list[_File]:
        """The files with what they showed, in their order."""
        scores = self.judge([f.recipe.written(f.plan) for f in files], False) if files else ()
        found = []
        for file, score in zip(files, scores, strict=True):
            found.append(replace(file, score=score, place=len(self.tried)))
            self.tried.append(Tried(file.how, file.kept, score))
        return found

    def paced(self, files: Sequence[_File]) -> None:
        """Note the times of those files, taken side by side."""
        scores = self.judge([f.recipe.written(f.plan) for f in files], True)
        for file, score in zip(files, scores, strict=True):
            self.tried[file.place] = replace(self.tried[file.place], score=score)

    def better(self, best: _File, *others: _File) -> _File:
        """The best of the others where it measures better by more than luck."""
        top = _most([best, *self.measured(others)])
        return top if top.score.sqnr_db > best.score.sqnr_db + _GAIN_DB else best

    def suffices(self, file: _File) -> bool:
        """Whether the file reaches the floor, and holds what accuracy was asked for."""
        if file.score.sqnr_db < self.aim.floor_db:
            return False
        if file.place not in self.held:
            self.held[file.place] = self.aim.holds(file.recipe.written(file.plan))
        return self.held[file.place]

    def goes_on(self, best: _File) -> bool:
        """Whether the best does not suffice, and there is time to look further."""
        return not self.suffices(best) and not self.aim.stop()

    def fitted(self, plain: _File) -> _File:
        """Concats that drown a part left float, and ranges drawn in where that pays."""
        if self.aim.stop():
            return plain
        self.aim.tell("choosing ranges")
        best = self.better(plain, *_apart(plain))
        files = [_drawn_in(best, f"ranges by {name}", clips) for name, clips in _whole(best)]
        if self.aim.thorough:
            own = choose(
                best.recipe.program, best.recipe.ranges, best.plan, best.recipe.scheme, self.feeds,
                threads=best.recipe.threads, stop=self.aim.stop,
            )  # fmt: skip
            files += [_drawn_in(best, f"{len(own)} ranges drawn in", own)] if own else []
        return self.better(best, *files)

    def refined(self, best: _File) -> _File:
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
                found = _most([found, self.better(best, best.also(how, made))])
        if self.aim.stop() or found.score.sqnr_db > best.score.sqnr_db + _MUCH_DB:
            return found
        self.aim.tell("shifting biases")
        shifts = self.shifted(best.recipe, best.plan)
        moved = best.also("biases shifted", shifts)
        return _most([found, self.better(best, moved)]) if shifts.shifts else found

    def shifted(self, recipe: Recipe, plan: QuantPlan) -> QuantPlan:
        """The plan with its biases shifted."""
        given = recipe.program, plan, recipe.scheme, self.feeds
        return replace(plan, shifts=corrections(*given, threads=recipe.threads))

    def _rounded(self, best: _File, how: str, effort: Effort) -> QuantPlan:
        recipe, aim = best.recipe, self.aim
        return refine(
            recipe.program, best.plan, recipe.scheme, self.feeds, effort=effort,
            threads=recipe.threads, stop=aim.stop,
            kept=Path(f"{aim.kept}.{next(self.passes)}") if aim.kept else None,
            progress=lambda done, total: aim.tell(f"{how}: layer {done} of {total}"),
        )  # fmt: skip

    def scaled(self, plain: _File, best: _File) -> _File:
        """The best of the variants of the program, rounded too, where that is better.

        They are compared with their biases shifted: the order is another one without. Those with
        more operations than the program are tried below the floor only.
        """
        recipe, found = plain.recipe, []
        variants = transformed(
            recipe.program, recipe.ranges, recipe.scheme, self.feeds, threads=recipe.threads,
            every=self.aim.thorough,
        )  # fmt: skip
        for each in variants:
            if self.aim.stop() or (each.added and not self.goes_on(best)):
                break
            self.aim.tell(each.how)
            own = replace(recipe, program=each.program, ranges=each.ranges, clips={})
            found += self.measured([_File(each.how, own, self.shifted(own, own.plan()))])
        if not found:
            return best
        top = _most(found)
        bare = replace(top, plan=replace(top.plan, shifts={}))
        return _most([best, top, self.refined(self.fitted(bare))])

    def floated(self, best: _File) -> tuple[_File, Mapping[str, float]]:
        """The file with layers left float that reaches the floor at least cost, and their noise."""
        self.aim.tell("ranking layers by the noise that each makes alone")
        floats = Floats(best.recipe, best.plan, self.feeds, self.aim)
        found: list[_File] = []
        for sets in floats.sets():
            files = [replace(best.also(how, floats.plan(s)), kept=s) for how, s in sets.items()]
            found += self.measured(files)
            if self.aim.stop() or any(map(self.suffices, found)):
                break
        if not found:
            return best, floats.noise
        enough = [f for f in found if self.suffices(f)]
        good = min(enough, key=lambda f: floats.cost(f.kept)) if enough else _most(found)
        files = [self.refined(good), good, best]
        last = next(filter(self.suffices, files), _most(files))
        self.paced(list({f.place: f for f in (best, good, last)}.values()))
        return last, floats.noise


def _apart(file: _File) -> list[_File]:
    """The file with Concats left float that drown a part of them; none where there are none."""
    recipe = file.recipe
    drowning = left_float(mixed(recipe.program, recipe.ranges, file.plan, recipe.scheme))
    if not drowning:
        return []
    own = replace(recipe, keep_float=(*recipe.keep_float, *drowning))
    made = own.plan()
    told = replace(made, left_float={**made.left_float, **drowning})
    return [file.also(f"{len(drowning)} Concats of unlike parts float", told, own)]


def _whole(file: _File) -> list[tuple[str, Mapping[str, Range]]]:
    """Each method of drawing in ranges, and what it makes of all of them."""
    recipe, others = file.recipe, [(n, m) for n, m in METHODS.items() if n != "min-max"]
    levels, symmetric = _LEVELS[recipe.scheme.activations], recipe.scheme.symmetric_activations
    held = {n: r for n, r in recipe.ranges.items() if n in file.plan.tensors}
    made: dict[str, Mapping[str, Range]] = {
        "min-max": {n: (r.low, r.high) for n, r in held.items()}
    }
    for name, method in others:
        clips = {n: method(r, levels, symmetric) for n, r in held.items()}
        if clips not in made.values():
            made[name] = clips
    return [*made.items()][1:]


def _drawn_in(file: _File, how: str, clips: Mapping[str, Range]) -> _File:
    """The file with those ranges, but for what was asked for."""
    own = replace(file.recipe, clips={**clips, **file.recipe.clips})
    return file.also(how, replace(own.plan(), left_float=file.plan.left_float), own)


def _most(files: Sequence[_File]) -> _File:
    """The most accurate; of equals the first."""
    return max(files, key=lambda f: f.score.sqnr_db)
