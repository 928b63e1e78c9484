"""Comparisons, truth values, and the choice between two values.

A truth value is never on integers: a node that compares reals reads them as reals.
"""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.broadcast import aligned, alike
from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.extents import extent
from mcompile.backends.litert.lowering import BOTH, Lowering, Write
from mcompile.backends.litert.steps import Steps
from mcompile.backends.litert.walk import Walk


def _compared(kind: str) -> Write:
    def write(walk: Walk, node: ir.Node) -> None:
        order, tensors = aligned(walk, node.inputs)
        Steps(walk)(kind, *tensors, out=walk.make(order))

    return write


def _not(walk: Walk, node: ir.Node) -> None:
    assert node.inputs[0] is not None
    held = walk.held(node.inputs[0])
    Steps(walk)("LOGICAL_NOT", held.tensor, out=walk.make(held.order))


def _is_nan(walk: Walk, node: ir.Node) -> None:
    assert node.inputs[0] is not None
    held = walk.held(node.inputs[0])
    Steps(walk)("NOT_EQUAL", held.tensor, held.tensor, out=walk.make(held.order))


def _is_inf(walk: Walk, node: ir.Node) -> None:
    assert node.inputs[0] is not None
    held, steps = walk.held(node.inputs[0]), Steps(walk)
    up, down = graph.integer(node, "detect_positive", 1), graph.integer(node, "detect_negative", 1)
    source, out = held.tensor, walk.make(held.order)
    if up and down:
        steps("EQUAL", steps("ABS", source), math.inf, out=out)
    elif up or down:
        steps("EQUAL", source, math.inf if up else -math.inf, out=out)
    else:
        steps("LESS", source, -math.inf, out=out)


def _where(walk: Walk, node: ir.Node) -> None:
    order, (truth, *tensors) = aligned(walk, node.inputs)
    out = walk.make(order)
    Steps(walk)("SELECT_V2", truth, *alike(walk, tensors), out=out, dtype=out.dtype)


def chosen(steps: Steps, truth: Tensor, yes: Tensor | float, no: Tensor | float,
           out: Tensor) -> None:  # fmt: skip
    """Write into `out` what the truth values choose; numbers become constants of its type."""
    pair = [t if isinstance(t, Tensor) else steps.number(t, out.dtype) for t in (yes, no)]
    steps("SELECT_V2", truth, *pair, out=out, dtype=out.dtype)


def _eye(walk: Walk, node: ir.Node) -> None:
    """A matrix of constant shape, which nothing has to compute."""
    (rows, columns), out = walk.shape(node.outputs[0]), walk.make()
    data = np.eye(rows, columns, k=graph.integer(node, "k", 0), dtype=out.dtype)
    Steps(walk).shaped(walk.draft.constant("eye", data), out.shape, out)


def _range(walk: Walk, node: ir.Node) -> None:
    """Numbers between constants, which nothing has to compute, or as many as a size says."""
    first, step = (walk.numbers(v).reshape(-1)[0] for v in (node.inputs[0], node.inputs[2]))
    out, steps = walk.make(), Steps(walk)
    if not walk.draft.is_free(out.shape[0]):
        end = walk.numbers(node.inputs[1]).reshape(-1)[0]
        data = np.arange(first, end, step).astype(out.dtype)
        steps.shaped(walk.draft.constant("range", data), out.shape, out)
        return
    if out.dtype not in ("int32", "int64", "float32"):
        raise walk.place.refused(f"it counts a free size in {out.dtype}", "int32 or float32")
    ends = [np.array(0, np.int32), np.array(1, np.int32)]
    low, one = (walk.draft.constant("end", e) for e in ends)
    places = walk.draft.tensor("places", out.shape, "int32")
    inputs = [low, extent(walk.draft, out.shape[0]), one]
    walk.draft.emit("RANGE", inputs, [places], "RangeOptions")
    numbers = steps.cast(places, out.dtype)
    steps("ADD", steps("MUL", numbers, float(step)), float(first), out=out)


LOWERINGS = {
    "And": Lowering(_compared("LOGICAL_AND")),
    "Equal": Lowering(_compared("EQUAL")),
    "EyeLike": Lowering(_eye),
    "Greater": Lowering(_compared("GREATER")),
    "GreaterOrEqual": Lowering(_compared("GREATER_EQUAL")),
    "IsInf": Lowering(_is_inf),
    "IsNaN": Lowering(_is_nan),
    "Less": Lowering(_compared("LESS")),
    "LessOrEqual": Lowering(_compared("LESS_EQUAL")),
    "Not": Lowering(_not),
    "Or": Lowering(_compared("LOGICAL_OR")),
    "Range": Lowering(_range),
    "Where": Lowering(_where, integers=BOTH),
    "Xor": Lowering(_compared("NOT_EQUAL")),
}
