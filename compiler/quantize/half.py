"""A program in 16 bits: as much of it as keeps its numbers, and the rest in float32.

What must stay float32 is found in three steps: ops and constants that 16 bits cannot hold, values
that were seen near the end of the range (`guards`), and what would only be wrapped in Casts between
those (`islands`). Then the result is held against the program: while it is not near, the ops that
add most of the error are put back, twice as many each time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import onnx_ir as ir
from onnx_ir.passes import common

from mcompile import graph
from mcompile.quantize.extremes import extremes
from mcompile.quantize.guards import FORMATS, Guards
from mcompile.quantize.islands import absorbed
from mcompile.quantize.narrow import narrow
from mcompile.quantize.nearness import Nearness
from mcompile.quantize.ranges import Ranges
from mcompile.quantize.slots import HALVES, complete, slots
from mcompile.types import Precision, Program, QuantPlan, Samples

NEAR_DB = {"float16": 40.0, "bfloat16": 22.0}
"""The least SQNR of every output: what rounding alone leaves in a deep net, with some room.

A trained EfficientNet-Lite0 keeps 46 dB in float16; bfloat16 has three digits less, 18 dB.
"""

OF = {Precision.FP16: "float16", Precision.BF16: "bfloat16"}
"""The 16-bit precisions, and the type of their numbers."""

_TRIES = 6
_OWN_WEIGHTS = 4
"""The first version of the format whose weights need not be inputs as well."""


def half(
    program: Program, precision: Precision, samples: Samples, threads: int | None = None
) -> tuple[Program, QuantPlan, str]:
    """The program in that precision, a plan that tells what stayed float32, and a summary.

    The plan holds no integers. Where the program does not run on `samples` (seeded inputs that do
    not fit), the rules about ops and constants alone decide, and the summary says so.
    """
    dtype = OF[precision]
    try:
        ranges = extremes(program, samples, threads)
    except Exception:  # onnxruntime raises a dozen unrelated classes
        made, left = halved(program, dtype, {})
        seen = f"not held against float32: it does not run on {samples.source}"
    else:
        made, left = halved(program, dtype, ranges, samples, threads=threads)
        seen = f"observed on {samples.source}"
    some, total = count(made, dtype)
    return made, QuantPlan({}, left), f"{some} of {total} float ops in {dtype}   {seen}"


def halved(
    program: Program,
    dtype: str,
    ranges: Ranges,
    samples: Samples | None = None,
    *,
    keep_ports: bool = True,
    near_db: float | None = None,
    threads: int | None = None,
) -> tuple[Program, Mapping[str, str]]:
    """The program in `float16` or `bfloat16`, and for each op left float32 (by output), why.

    The given program stays as it was. Inputs and outputs keep their types unless `keep_ports` is
    false. `ranges` are what its tensors hold; `samples` (the first four) are what the result is
    held against: without any, only the rules about ops, constants and ranges speak. Where no try
    comes within `near_db`, the nearest one is returned.
    """
    if samples is None:
        return converted(program, dtype, ranges, {}, keep_ports=keep_ports)
    floor = NEAR_DB[dtype] if near_db is None else near_db
    near = Nearness(program, samples, HALVES[dtype], threads)
    put_back: dict[str, str] = {}
    best, best_db = put_back, -math.inf
    for attempt in range(_TRIES):
        made, left = converted(program, dtype, ranges, put_back)
        found = near.held(made)
        if found > best_db:
            best, best_db = put_back, found
        if found >= floor:
            break
        put_back = put_back | near.worst(made, left, 1 << attempt, floor)
    return converted(program, dtype, ranges, best, keep_ports=keep_ports)


def converted(
    program: Program,
    dtype: str,
    ranges: Ranges,
    put_back: Mapping[str, str],
    *,
    keep_ports: bool = True,
) -> tuple[Program, dict[str, str]]:
    """As `halved`, by rules alone; `put_back` are ops (by output) that stay, with the reason."""
    kind, target = HALVES[dtype], graph.clone(program)
    model, opset = target.graph, graph.opset(program)
    if not opset:
        return target, {}  # there is no Cast without the standard's operators
    model.ir_version = max(model.ir_version or 0, _OWN_WEIGHTS)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    graph.infer_shapes(target)
    nodes = list(model.graph.all_nodes())
    for node in nodes:
        complete(node, opset)
    found = {node: slots(node, opset, kind) for node in nodes}
    guards = Guards(FORMATS[kind], ranges, put_back)
    kept = {n: why for n, s in found.items() if s and (why := guards.reason(n, s))}
    kept |= absorbed(nodes, found, kept, kind)
    halves = {n: s for n, s in found.items() if s and n not in kept}
    left = kept | {n: s.why for n, s in found.items() if s.why}
    named = {_label(n): left[n] for n in nodes if n in left}
    narrow(model, halves, kind, keep_ports)
    return graph.program(program.name, model), named


def _label(node: ir.Node) -> str:
    return next((v.name for v in node.outputs if v.name), node.name or node.op_type)


def count(program: Program, dtype: str) -> tuple[int, int]:
    """How many nodes compute in that type, and how many hold floats at all; Casts aside."""
    kind = HALVES[dtype]
    floats = {kind, ir.DataType.FLOAT}
    held: list[set[ir.DataType | None]] = [
        {v.dtype for v in (*n.inputs, *n.outputs) if v is not None} & floats
        for n in program.graph.graph.all_nodes()
        if n.op_type != "Cast"
    ]
    return sum(kind in kinds for kinds in held), sum(bool(kinds) for kinds in held)
