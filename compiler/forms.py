"""The program of each precision that a build asks for: quantized, narrowed, or as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import onnx_ir as ir

from mcompile import graph
from mcompile.errors import TargetError
from mcompile.journal import Journal
from mcompile.opsets.versions import PER_AXIS
from mcompile.optimizer import spelled
from mcompile.quantize import Ranges, dynamic, half, insert, observe, plan
from mcompile.quantize.half import OF
from mcompile.reference import random_feeds
from mcompile.request import Request
from mcompile.samples import check
from mcompile.types import Precision, Program, QuantPlan, Sample, Samples

_LEAST_CALIBRATION = 2
_NOISE = 8
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
            ranges = observe(program, calibration, request.threads)
            entry.summary = f"{len(ranges)} tensors observed on {calibration.source}"
        with journal.stage("quantized") as entry:
            found = plan(program, ranges, scheme, request.options.percentile)
            made[Precision.INT8] = (insert(program, found, scheme), found)
            entry.summary = _counted(request, program, found)
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


def _counted(request: Request, program: Program, found: QuantPlan) -> str:
    weighted = request.backend.scheme_on(request.target).weighted
    total = sum(n.op_type in weighted for n in program.graph.graph)
    if not found.tensors and request.options.strict:
        raise _nothing("quantized", program)
    return f"{total - len(found.left_float)} of {total} {', '.join(sorted(weighted))}"


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
