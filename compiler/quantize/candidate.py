"""Files that may become the artifact: how each is made from the one before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mcompile.quantize.clipping import METHODS, Range
from mcompile.quantize.concats import left_float, mixed
from mcompile.quantize.recipe import Recipe, Score
from mcompile.types import QuantPlan

_UNMEASURED = Score(0.0)
_LEVELS = {"uint8": 256, "int8": 256, "uint16": 65536, "int16": 65536}


@dataclass(frozen=True)
class File:
    """One file: how it was made, its layers left float, and what it showed at its place."""

    how: str
    recipe: Recipe
    plan: QuantPlan
    kept: tuple[str, ...] = ()
    score: Score = _UNMEASURED
    place: int = 0

    def also(self, how: str, plan: QuantPlan, recipe: Recipe | None = None) -> File:
        """The file with one thing more done."""
        told = how if self.how == "plain" else f"{self.how}, {how}"
        return replace(self, how=told, plan=plan, recipe=recipe or self.recipe)


def apart(file: File) -> list[File]:
    """The file with Concats left float that drown a part of them; none where there are none."""
    recipe = file.recipe
    drowning = left_float(mixed(recipe.program, recipe.ranges, file.plan, recipe.scheme))
    if not drowning:
        return []
    own = replace(recipe, keep_float=(*recipe.keep_float, *drowning))
    made = own.plan()
    told = replace(made, left_float={**made.left_float, **drowning})
    return [file.also(f"{len(drowning)} Concats of unlike parts float", told, own)]


def by_methods(file: File) -> list[tuple[str, Mapping[str, Range]]]:
    """Each method of drawing in ranges, and what it makes of all of them."""
    recipe, others = file.recipe, [(n, m) for n, m in METHODS.items() if n != "min-max"]
    levels, symmetric = _LEVELS[recipe.scheme.activations], recipe.scheme.symmetric_activations
    free = file.plan.tensors.keys() - recipe.clips.keys()
    held = {n: r for n, r in recipe.ranges.items() if n in free}
    made: dict[str, Mapping[str, Range]] = {
        "min-max": {n: (r.low, r.high) for n, r in held.items()}
    }
    for name, method in others:
        clips = {n: method(r, levels, symmetric) for n, r in held.items()}
        if clips not in made.values():
            made[name] = clips
    return [*made.items()][1:]


def drawn_in(file: File, how: str, clips: Mapping[str, Range]) -> File:
    """The file with those ranges, but for what was asked for."""
    own = replace(file.recipe, clips={**clips, **file.recipe.clips})
    return file.also(how, replace(own.plan(), left_float=file.plan.left_float), own)


def most(files: Sequence[File]) -> File:
    """The most accurate; of equals the first."""
    return max(files, key=lambda f: f.score.sqnr_db)
