"""Sums, means and extremes over axes, taken in whatever order the value lies in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.draft import Quant, Tensor
from mcompile.backends.litert.layout import Order
from mcompile.backends.litert.lowering import BOTH, BYTES, Lowering, Write
from mcompile.backends.litert.steps import Steps
from mcompile.backends.litert.values import Held
from mcompile.backends.litert.walk import Walk


@dataclass(frozen=True)
class Reduced:
    """What a node reduces: the value, axes of memory, and the order of what is left."""

    held: Held
    axes: tuple[int, ...]
    order: Order

    @classmethod
    def of(cls, walk: Walk, node: ir.Node) -> Reduced:
        """Raises `LoweringError` where the axes are computed when the model runs."""
        if node.inputs[0] is None:
            raise walk.place.refused("its input is left out")
        held = walk.held(node.inputs[0])
        axes = axes_of(walk, node, len(held.order))
        order = held.order
        if not graph.integer(node, "keepdims", 1):
            order = without(order, axes)
        return cls(held, tuple(held.order.index(a) for a in axes), order)


def axes_of(walk: Walk, node: ir.Node, rank: int) -> list[int]:
    """The axes in the program, from the attribute or the input; all where none are given."""
    given = walk.numbers(node.inputs[1]) if len(node.inputs) > 1 else None
    axes = list(node.attributes.get_ints("axes", ())) if given is None else given.tolist()
    if not axes and not graph.integer(node, "noop_with_empty_axes", 0):
        return list(range(rank))
    return sorted({a % rank for a in axes})


def without(order: Order, axes: Sequence[int]) -> Order:
    """The order of what is left when axes are gone."""
    kept = [a for a in order if a not in axes]
    return tuple(sum(b < a for b in kept) for a in kept)


def _reduce(kind: str) -> Write:
    def write(walk: Walk, node: ir.Node) -> None:
        reduced = Reduced.of(walk, node)
        if not reduced.axes:
            walk.same(reduced.held, reduced.held.order)
            return
        source = reduced.held.tensor
        if source.dtype == "bool":
            kind_of_truths = {"REDUCE_MAX": "REDUCE_ANY", "REDUCE_MIN": "REDUCE_ALL"}
            Steps(walk).reduce(kind_of_truths[kind], source, reduced.axes, walk.make(reduced.order))
            return
        Steps(walk).reduce(kind, source, reduced.axes, walk.make(reduced.order))

    return write


def _sum(walk: Walk, node: ir.Node) -> None:
    """Codes are averaged and counted again: SUM's reference kernel is wrong on them.

    The mean has 1 / n of the output's scale, so that the product rounds nothing.
    """
    quant, reduced = walk.quant(), Reduced.of(walk, node)
    if quant is None or not reduced.axes:
        _reduce("SUM")(walk, node)
        return
    source, out = reduced.held.tensor, walk.make(reduced.order)
    count = prod(source.shape[a] for a in reduced.axes)
    if any(walk.draft.is_free(source.shape[a]) for a in reduced.axes):
        raise walk.place.refused("it sums over a size that is not known before the model runs")
    small = Quant((quant.scale[0] / count,), quant.zero_point)
    mean = walk.scratch(out, out.shape, quant=small)
    Steps(walk).reduce("MEAN", source, reduced.axes, mean)
    unit = Quant((float(count),), (0,))
    times = walk.draft.constant("times", np.array(1, source.dtype), unit)
    walk.draft.emit("MUL", [mean, times], [out], "MulOptions")


def _mean(walk: Walk, node: ir.Node) -> None:
    """Whole numbers are summed and divided: the kernel's own mean of them rounds otherwise."""
    reduced, steps = Reduced.of(walk, node), Steps(walk)
    source, out = reduced.held.tensor, walk.make(reduced.order)
    if source.quant is not None or source.dtype == "float32" or not reduced.axes:
        _into(steps, "MEAN", reduced, out)
        return
    total = steps.cast(steps.reduce("SUM", steps.cast(source, "int32"), reduced.axes), "int32")
    count = prod(source.shape[a] for a in reduced.axes)
    made = steps.cast(steps("DIV", total, count), source.dtype)
    steps.shaped(made, out.shape, out)


def _into(steps: Steps, kind: str, reduced: Reduced, out: Tensor) -> None:
    if reduced.axes:
        steps.reduce(kind, reduced.held.tensor, reduced.axes, out)
    else:
        steps.shaped(reduced.held.tensor, out.shape, out)


def _of_each(before: str, kind: str, behind: str = "") -> Write:
    """One curve for each number, a reduction, and one of what is left."""

    def write(walk: Walk, node: ir.Node) -> None:
        reduced, steps = Reduced.of(walk, node), Steps(walk)
        value = _curve(steps, before, reduced.held.tensor)
        out = walk.make(reduced.order)
        if not behind:
            steps.reduce(kind, value, reduced.axes, out)
            return
        left = steps.reduce(kind, value, reduced.axes)
        steps.shaped(_curve(steps, behind, left), out.shape, out)

    return write


def _curve(steps: Steps, kind: str, value: Tensor) -> Tensor:
    if not kind:
        return value
    if kind == "ABS" and value.dtype == "int64":
        return steps("MAXIMUM", value, steps("NEG", value))
    if kind == "SQUARE" and value.dtype != "float32":
        return steps("MUL", value, value)
    if kind in ("SQRT", "LOG") and value.dtype != "float32":
        return steps.cast(steps(kind, steps.cast(value, "float32")), value.dtype)
    return steps(kind, value)


def _log_sum_exp(walk: Walk, node: ir.Node) -> None:
    """max + log(sum(e^(x - max))), which no exponential overflows."""
    reduced, steps = Reduced.of(walk, node), Steps(walk)
    source, out = reduced.held.tensor, walk.make(reduced.order)
    if not reduced.axes:
        steps.shaped(source, out.shape, out)
        return
    most = steps("MAXIMUM", steps.reduce("REDUCE_MAX", source, reduced.axes), _LOWEST)
    parts = steps("EXP", steps("SUB", source, most))
    total = steps("ADD", steps("LOG", steps.reduce("SUM", parts, reduced.axes)), most)
    steps.shaped(total, out.shape, out)


_LOWEST = float(np.finfo(np.float32).min)
"""Stands in for a maximum of minus infinity, which minus itself is no number."""

LOWERINGS = {
    "ReduceL1": Lowering(_of_each("ABS", "SUM")),
    "ReduceL2": Lowering(_of_each("SQUARE", "SUM", "SQRT")),
    "ReduceLogSum": Lowering(_of_each("", "SUM", "LOG")),
    "ReduceLogSumExp": Lowering(_log_sum_exp),
    "ReduceMax": Lowering(_reduce("REDUCE_MAX"), integers=BOTH, moves=True),
    "ReduceMean": Lowering(_mean, integers=BOTH),
    "ReduceMin": Lowering(_reduce("REDUCE_MIN"), integers=BOTH, moves=True),
    "ReduceProd": Lowering(_reduce("REDUCE_PROD")),
    "ReduceSum": Lowering(_sum, integers=BYTES),
    "ReduceSumSquare": Lowering(_of_each("SQUARE", "SUM")),
}
