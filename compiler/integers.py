"""A program on integers, as its backend runs it best."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from mcompile import graph
from mcompile.errors import TargetError
from mcompile.journal import Journal
from mcompile.opsets.versions import PER_AXIS
from mcompile.quantize import Ranges, insert, planfile
from mcompile.quantize.recipe import Aim, Chosen, Recipe
from mcompile.quantize.replay import replayed
from mcompile.quantize.select import select
from mcompile.request import AUTO, Request
from mcompile.shared import Shared
from mcompile.trials import Trials
from mcompile.types import Program, QuantPlan, Sample, Samples, Scheme
from mcompile.worth import Worth

_LEAST, _MOST = 24, 96
_VALUES = 1 << 28
"""Samples that files are chosen by: as many as hold so many values in all, within those bounds."""
_FLOOR_DB = 20.0


@dataclass(frozen=True)
class Integers:
    """The program with its Q/DQ pairs, its plan, and how that was chosen, if it was."""

    program: Program
    plan: QuantPlan
    ranges: Ranges
    chosen: Chosen | None = None


def integers(
    request: Request,
    program: Program,
    data: tuple[Samples, Samples | None],
    journal: Journal,
    *,
    shared: Shared | None = None,
) -> Integers:
    """The program on integers, by the plan that was given or by the best that is found.

    `data` sets ranges first and, where there is a second, says which file is accurate enough.
    `shared` is what other runtimes of the build have observed.
    """
    calibration, evaluation = data
    given, scheme = request.options, scheme_for(request, program)
    with journal.stage("calibrated") as entry:
        ranges, how = (shared or Shared()).ranges(request, program, calibration)
        entry.summary = f"{len(ranges)} tensors observed on {calibration.source}{how}"
    share = given.percentile
    clips = {n: r.percentile(share) for n, r in ranges.items()} if share else {}
    recipe = Recipe(program, ranges, scheme, clips, given.keep_float, request.threads)
    with journal.stage("quantized") as entry:
        if given.plan:
            found = planfile.read(Path(given.plan), program, scheme)
            few = [s.feeds for s in spread(calibration, _LEAST)] if found.changed else []
            able, held = replayed(program, ranges, found.changed, few, threads=request.threads)
            made = Integers(insert(able, found, scheme), found, held)
            how = f", as {Path(given.plan).name} says"
        else:
            aim = replace(_aim(request, journal.watch), holds=Worth(request, program, evaluation))
            made, how = _chosen(request, recipe, calibration, aim)
        entry.summary = f"{counted(request, program, made.plan)}{how}"
    has_any = scheme.carried or _layers(request, program, made.plan)[0]
    return made if has_any else _none(made, program)


def counted(request: Request, program: Program, found: QuantPlan) -> str:
    """How many layers have integer weights; raises `TargetError` under --strict where none has."""
    scheme = request.backend.scheme_on(request.integers)
    done, every = _layers(request, program, found)
    empty = not found.tensors or not (done or scheme.carried)
    if empty and request.options.strict:
        raise nothing("quantized", program)
    return f"{done} of {every} {', '.join(sorted(scheme.weighted))}"


def _layers(request: Request, program: Program, found: QuantPlan) -> tuple[int, int]:
    """How many layers have integer weights, of how many that could."""
    weighted = request.backend.scheme_on(request.integers).weighted
    layers = {n.outputs[0].name for n in program.graph.graph if n.op_type in weighted}
    return len(layers - set(found.left_float)), len(layers)


def _none(made: Integers, program: Program) -> Integers:
    """The float program: where layers alone compute on integers and none does, pairs only cost."""
    return replace(made, program=program, plan=QuantPlan({}, made.plan.left_float))


def nothing(done: str, program: Program) -> TargetError:
    """What to raise where a form would be the float model under another name."""
    return TargetError(
        f"nothing of this model could be {done}",
        where=f"{program.name}, --strict",
        fix="--precision fp32, or leave out --strict and read -v",
    )


def scheme_for(request: Request, program: Program) -> Scheme:
    """The target's integer arithmetic, as far as the program's operator set can say it."""
    scheme = request.backend.scheme_on(request.integers)
    return scheme if graph.opset(program) >= PER_AXIS else replace(scheme, per_channel=False)


def _chosen(
    request: Request, recipe: Recipe, calibration: Samples, aim: Aim
) -> tuple[Integers, str]:
    """The best that is found, and what was gained on the way."""
    taken = [s.feeds for s in spread(calibration, _enough(recipe.ranges, calibration))]
    # Every third sample is measured on, and not learned from.
    held_out = taken[2::3]
    fitted = [f for k, f in enumerate(taken) if k % 3 != 2]
    plain = recipe.plan()
    if not plain.tensors or not held_out:
        return Integers(recipe.written(plain), plain, recipe.ranges), ""
    judge = Trials(request, recipe.program, held_out)
    found = select(recipe, fitted, judge, aim)
    before, after = found.tried[0].score.sqnr_db, found.best.score.sqnr_db
    how = f"   {before:.1f} -> {after:.1f} dB: {found.best.how}" if found.taken else ""
    return Integers(found.program, found.plan, found.recipe.ranges, found), how


def _aim(request: Request, tell: Callable[[str], None]) -> Aim:
    """As good as the budget asks; for as long as was said, or until nothing more is worth trying.

    Without a time to fill no clock decides: the same data give the same file.
    """
    given = request.options
    floor = max(_FLOOR_DB, request.target.budgets.sqnr_db_min or 0.0)
    if given.thorough is None:
        return Aim(floor, tell=tell)
    end = time.monotonic() + given.thorough
    # Rounded weights are those of one runtime's plan, while the ranges serve all.
    runtime = f".{request.backend.name}" if given.backend == AUTO else ""
    kept = Path(f"{given.ranges}{runtime}.layers") if given.ranges else None
    return Aim(floor, thorough=True, kept=kept, stop=lambda: time.monotonic() > end, tell=tell)


def _enough(ranges: Ranges, calibration: Samples) -> int:
    """Samples to choose by: of a small network many, for they cost little and differ much."""
    held = sum(int(found.counts.sum()) for found in ranges.values())
    each = held // max(1, calibration.count or _LEAST)
    return min(_MOST, max(_LEAST, _VALUES // max(1, each)))


def spread(samples: Samples, count: int) -> list[Sample]:
    """So many samples from all over the stream: a folder is often sorted by class."""
    if samples.count is None or samples.count <= count:
        return list(islice(samples, count))
    wanted = {round(k * (samples.count - 1) / (count - 1)) for k in range(count)}
    return [sample for k, sample in enumerate(samples) if k in wanted]
