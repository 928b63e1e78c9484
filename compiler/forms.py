"""The program of each precision that a build asks for: quantized, narrowed, or as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import onnx_ir as ir

from mcompile import graph
from mcompile.integers import Integers, counted, integers, nothing, scheme_for
from mcompile.journal import Journal
from mcompile.optimizer import at_opset, spelled
from mcompile.quantize import Ranges, dynamic, half
from mcompile.quantize.extremes import extremes
from mcompile.quantize.half import OF
from mcompile.quantize.recipe import Chosen
from mcompile.quantize.rest import rest
from mcompile.quantize.weight_only import BITS, OPSETS, weight_only
from mcompile.reference import random_feeds
from mcompile.request import CALIBRATED, Request
from mcompile.shared import INTEGERS, Shared
from mcompile.types import Precision, Program, QuantPlan, Sample, Samples

_NOISE = 8
_WIDE, _PAIRS_OF_16_BITS = Precision.INT16X8, 21
"""The operator set from which on QuantizeLinear makes 16 bits."""


@dataclass(frozen=True)
class Made:
    """The program of one form, its plan, and how that was chosen, where there is one."""

    program: Program
    plan: QuantPlan | None = None
    chosen: Chosen | None = None


def forms_of(
    request: Request,
    program: Program,
    data: tuple[Samples | None, Samples | None],
    journal: Journal,
    *,
    shared: Shared | None = None,
) -> tuple[Mapping[Precision, Made], Ranges]:
    """Each form that is to be built, and what was observed for it.

    `data` are the samples to calibrate with and those to judge by, where there are any; `shared` is
    what other runtimes of the build have in common with this one.
    """
    calibration, evaluation = data
    ranges: Ranges = {}
    made: dict[Precision, Made] = {}
    for precision in request.precisions:
        if precision in CALIBRATED and calibration is not None:
            able = _able(request, program, _PAIRS_OF_16_BITS) if precision is _WIDE else program
            observe = partial(extremes, samples=calibration)
            able = request.backend.spelled(able, request.integers, observe)
            found = integers(request, able, (calibration, evaluation), journal, shared=shared)
            ranges = found.ranges
            changed = _beside(request, found, calibration, journal)
            made[precision] = Made(changed, found.plan, found.chosen)
        elif precision in INTEGERS:
            made[precision] = _uncalibrated(request, program, precision, journal)
        elif precision in OF:
            made[precision] = _narrowed(request, program, precision, calibration, journal)
        else:
            made[precision] = Made(_float(request, program))
    return made, ranges


def _beside(request: Request, found: Integers, calibration: Samples, journal: Journal) -> Program:
    """The program on integers, with what is float beside them as the scheme has it."""
    scheme = request.backend.scheme_on(request.integers)
    if scheme.rest == "float32":
        return found.program
    with journal.stage("narrowed") as entry:
        changed, entry.summary = rest(
            found.program, scheme, found.ranges, calibration, request.threads
        )
    return changed


def _float(request: Request, program: Program) -> Program:
    """The program, spelled for float kernels where that was put off for the integers' sake."""
    given = request.options
    if not INTEGERS & {*request.precisions}:
        return program
    return spelled(program, given.skip, given.seed, runtime=request.backend.name)[0]


def _uncalibrated(
    request: Request, program: Program, precision: Precision, journal: Journal
) -> Made:
    """Integers that need no data: measured at run time, or of weights alone."""
    with journal.stage("quantized") as entry:
        if precision in BITS:
            changed, found = weight_only(_able(request, program, OPSETS[precision]), precision)
        else:
            changed, found = dynamic(program, scheme_for(request, program))
        entry.summary = counted(request, program, found)
    return Made(changed, found)


def _able(request: Request, program: Program, floor: int) -> Program:
    """The program in an operator set that can say the precision."""
    reads = request.target.runtime
    return at_opset(
        program, seed=request.options.seed, cap=reads.max_opset, newest_ir=reads.max_ir_version,
        floor=floor,
    )[0]  # fmt: skip


def _narrowed(
    request: Request,
    program: Program,
    precision: Precision,
    calibration: Samples | None,
    journal: Journal,
) -> Made:
    with journal.stage("narrowed") as entry:
        seen = calibration or noise(program, request.options.seed)
        changed, found, entry.summary = half(program, precision, seen, request.threads)
        if request.options.strict and not is_narrow(changed):
            raise nothing("converted to 16 bits", program)
    return Made(changed, found)


def is_narrow(program: Program) -> bool:
    """Whether any value of the program is held in 16 bits."""
    body = program.graph.graph
    held = {v.dtype for v in (*body.initializers.values(), *graph.values(body))}
    return not held.isdisjoint({ir.DataType.FLOAT16, ir.DataType.BFLOAT16})


def noise(program: Program, seed: int) -> Samples:
    """Seeded inputs for a build without evaluation data."""

    def stream() -> Any:
        return (Sample(random_feeds(program, seed + k, 1)) for k in range(_NOISE))

    return Samples("seeded random inputs", stream, _NOISE)
