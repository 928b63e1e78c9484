"""The program of each precision that a build asks for: quantized, narrowed, or as it is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import islice
from math import inf, isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backend import Executor
from mcompile.errors import ContractError, LoweringError, TargetError
from mcompile.journal import Journal
from mcompile.measure.agreement import EXACT_DB, decibel
from mcompile.measure.latency import interleaved
from mcompile.opsets.versions import PER_AXIS
from mcompile.optimizer import spelled
from mcompile.oracle import Oracle
from mcompile.quantize import Ranges, dynamic, half, observe
from mcompile.quantize.half import OF
from mcompile.quantize.select import Recipe, Score, select
from mcompile.reference import random_feeds
from mcompile.request import Request, as_target
from mcompile.samples import check
from mcompile.types import Feeds, Precision, Program, QuantPlan, Sample, Samples

_LEAST_CALIBRATION = 2
_NOISE = 8
_FITTED, _HELD_OUT = 24, 12
_FLOOR_DB = 20.0
_LEAST_SECONDS = 10.0
_RUNS, _SECONDS, _WARM = 20, 2.0, 3
INTEGERS = {Precision.INT8, Precision.INT8_DYNAMIC}
"""Forms that are made of a program as rules leave it before they spell it for float kernels."""


def forms_of(
    request: Request, program: Program, calibration: Samples | None, journal: Journal
) -> tuple[Mapping[Precision, tuple[Program, QuantPlan | None]], Ranges]:
    """The program of each form that is to be built, its plan beside it, and what was observed."""
    ranges: Ranges = {}
    made: dict[Precision, tuple[Program, QuantPlan | None]] = {}
    given, integers = request.options, INTEGERS & {*request.precisions}
    for precision in request.precisions:
        float_program = program
        if integers and precision is Precision.FP32:
            runtime = request.backend.name
            float_program, _ = spelled(program, given.skip, given.seed, runtime=runtime)
        made[precision] = (float_program, None)
    scheme = request.backend.scheme_on(request.target)
    if graph.opset(program) < PER_AXIS:
        scheme = replace(scheme, per_channel=False)
    if Precision.INT8 in made and calibration is not None:
        with journal.stage("calibrated") as entry:
            few = replace(calibration, open=lambda: islice(iter(calibration), _LEAST_CALIBRATION))
            check(few, program.inputs, _LEAST_CALIBRATION)
            file = Path(given.ranges) if given.ranges else None
            ranges = observe(program, calibration, request.threads, kept=file)
            entry.summary = f"{len(ranges)} tensors observed on {calibration.source}"
        with journal.stage("quantized") as entry:
            spent = journal.stages[-1].seconds
            kept = given.keep_float
            clips = (
                {n: r.percentile(given.percentile) for n, r in ranges.items()}
                if given.percentile
                else {}
            )
            recipe = Recipe(program, ranges, scheme, clips, kept, request.threads)
            written, found, how = _integers(request, recipe, calibration, spent)
            made[Precision.INT8] = (written, found)
            entry.summary = f"{_counted(request, program, found)}{how}"
    if Precision.INT8_DYNAMIC in made:
        with journal.stage("quantized") as entry:
            changed, found = dynamic(program, scheme)
            made[Precision.INT8_DYNAMIC] = (changed, found)
            entry.summary = _counted(request, program, found)
    for precision in [p for p in made if p in OF]:
        with journal.stage("narrowed") as entry:
            seen = calibration or noise(program, request.options.seed)
            changed, found, entry.summary = half(program, precision, seen, request.threads)
            made[precision] = (changed, found)
            if given.strict and not is_narrow(changed):
                raise _nothing("converted to 16 bits", program)
    return made, ranges


def _integers(
    request: Request, recipe: Recipe, calibration: Samples, spent: float
) -> tuple[Program, QuantPlan, str]:
    """The program on integers as it measured best, its plan, and what was gained.

    After so long as observing took, or `_LEAST_SECONDS`, no layer more is tried in float.
    """
    taken = [s.feeds for s in spread(calibration, _FITTED + _HELD_OUT)]
    # Every third sample is measured on, and not learned from.
    held_out = taken[2::3]
    fitted = [f for k, f in enumerate(taken) if k % 3 != 2]
    plain = recipe.plan()
    if not plain.tensors or not held_out:
        return recipe.written(plain), plain, ""
    end = time.monotonic() + max(_LEAST_SECONDS, spent)
    floor = max(_FLOOR_DB, request.target.budgets.sqnr_db_min or 0.0)
    judge = Trials(request, recipe.program, held_out)
    chosen = select(recipe, fitted, judge, floor, lambda: time.monotonic() > end)
    before, after = chosen.tried[0].score.sqnr_db, chosen.best.score.sqnr_db
    gained = f"   {before:.1f} -> {after:.1f} dB: {chosen.best.how}" if chosen.taken else ""
    return recipe.written(chosen.plan), chosen.plan, gained


def spread(samples: Samples, count: int) -> list[Sample]:
    """So many samples from all over the stream: a folder is often sorted by class."""
    step = max(1, (samples.count or count) // count)
    return list(islice(samples, 0, step * count, step))


class Trials:
    """Measures programs as the backend writes and runs them, side by side, on samples held out."""

    def __init__(self, request: Request, reference: Program, feeds: Sequence[Feeds]) -> None:
        self._request, self._feeds = request, feeds
        oracle = Oracle(reference, threads=request.threads)
        self._wanted = [oracle.run(f) for f in feeds]

    def __call__(self, programs: Sequence[Program]) -> Sequence[Score]:
        """The score of each program; one that cannot be written or run has the worst there is."""
        scores = [Score(-EXACT_DB, inf)] * len(programs)
        with TemporaryDirectory() as folder, ExitStack() as stack:
            running: dict[str, Executor] = {}
            for index, each in enumerate(programs):
                with suppress(LoweringError, ContractError):
                    place = Path(folder) / str(index)
                    place.mkdir()
                    running[str(index)] = stack.enter_context(self._opened(each, place))
            got = {n: [e.run(f) for f in self._feeds] for n, e in running.items()}
            times = interleaved(running, self._feeds[0], runs=_RUNS, seconds=_SECONDS, warmup=_WARM)
        for name, outputs in got.items():
            scores[int(name)] = Score(self._sqnr(outputs), float(np.median(times[name])))
        return scores

    def _opened(self, program: Program, place: Path) -> Executor:
        backend, target = self._request.backend, as_target(self._request, Precision.INT8)
        return backend.open(backend.lower(program, target, place), place, self._request.threads)

    def _sqnr(self, outputs: Sequence[Feeds]) -> float:
        """SQNR in dB of the worst float output."""
        found = [EXACT_DB]
        for name in (n for n, a in self._wanted[0].items() if a.dtype.kind == "f"):
            signal = noise = 0.0
            for one, other in zip(self._wanted, outputs, strict=True):
                exact = one[name].astype(np.float64)
                signal += float((exact**2).sum())
                noise += float(((exact - other[name]) ** 2).sum())
            found.append(decibel(signal, noise if isfinite(noise) else inf))
        return min(found)


def _counted(request: Request, program: Program, found: QuantPlan) -> str:
    weighted = request.backend.scheme_on(request.target).weighted
    layers = {n.outputs[0].name for n in program.graph.graph if n.op_type in weighted}
    if not found.tensors and request.options.strict:
        raise _nothing("quantized", program)
    done = len(layers - set(found.left_float))
    return f"{done} of {len(layers)} {', '.join(sorted(weighted))}"


def is_narrow(program: Program) -> bool:
    """Whether any value of the program is held in 16 bits."""
    body = program.graph.graph
    held = {v.dtype for v in (*body.initializers.values(), *graph.values(body))}
    return not held.isdisjoint({ir.DataType.FLOAT16, ir.DataType.BFLOAT16})


def _nothing(done: str, program: Program) -> TargetError:
    return TargetError(
        f"nothing of this model could be {done}",
        where=f"{program.name}, --strict",
        fix="--precision fp32, or leave out --strict and read -v",
    )


def noise(program: Program, seed: int) -> Samples:
    """Seeded inputs for a build without evaluation data."""

    def stream() -> Any:
        return (Sample(random_feeds(program, seed + k, 1)) for k in range(_NOISE))

    return Samples("seeded random inputs", stream, _NOISE)
