"""Quotients, and the lengths that vectors are divided by, in ops that have kernels for codes.

    x / c                        x * (1 / c)
    x / Sqrt(v)                  x * v ^ -0.5
    x / y                        x * Reciprocal(y)
    x / |x|, x / max(|x|, e)     LpNormalization(x), rows that are not long
    |x|                          Sqrt(sum(x * x))          ReduceL2
    sum |x|, sum x ^ 2           ReduceSum(Abs(x)), ReduceSum(x * x)

What keeps a length from being 0 is left out: rows that short have no direction in codes.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.rows import LONGEST_UNIT, Spelling, sizes_of
from mcompile.graph import array
from mcompile.sweep import sweep
from mcompile.types import Program

_SHORT = 1e-2
"""Lengths below it, where they are an end of others, keep a divisor from being 0."""


def divided(write: Spelling, node: ir.Node) -> ir.Value | None:
    """A Div as a product."""
    x, y = node.inputs[:2]
    if x is None or y is None or x.dtype != ir.DataType.FLOAT:
        return None
    divisor, maker = array(y), y.producer()
    if divisor is not None:
        return write("Mul", x, 1 / divisor.astype(np.float64)) if (divisor != 0).all() else None
    if maker is not None and maker.op_type == "Sqrt" and maker.inputs[0] is not None:
        inverse = write("Pow", maker.inputs[0], -0.5)
    else:
        inverse = write("Reciprocal", y)
    dividend = array(x)
    is_one = dividend is not None and dividend.size == 1 and (dividend == 1).all()
    return inverse if is_one else write("Mul", x, inverse)


def summed(write: Spelling, node: ir.Node) -> ir.Value | None:
    """ReduceL1, ReduceL2 and ReduceSumSquare as a ReduceSum, and a Sqrt of it."""
    x, axes = node.inputs[0], _axes(node)
    if x is None or x.dtype != ir.DataType.FLOAT or not axes:
        return None
    terms = write("Abs", x) if node.op_type == "ReduceL1" else write("Mul", x, x)
    keepdims = bool(graph.integer(node, "keepdims", 1))
    total = write.reduced("ReduceSum", terms, axes, keepdims=keepdims)
    return write("Sqrt", total) if node.op_type == "ReduceL2" else total


def units(program: Program) -> None:
    """Let rows that are divided by their length be normalized as a whole, in place."""
    for node in list(program.graph.graph):
        x = node.inputs[0] if node.op_type == "Div" and not node.domain else None
        length = _length(node.inputs[1]) if x is not None else None
        if x is None or length is None or length.inputs[0] is not x:
            continue
        axes, sizes = _axes(length), sizes_of(x)
        if len(axes) != 1 or not graph.integer(length, "keepdims", 1):
            continue
        if 0 < sizes[axes[0]] <= LONGEST_UNIT:
            write = Spelling(program.graph.graph, node)
            made = write("LpNormalization", x, axis=axes[0], p=2)
            made.shape = node.outputs[0].shape
            graph.replace(node.outputs[0], made)
            sweep([node])


def _length(value: ir.Value | None) -> ir.Node | None:
    """The ReduceL2 behind a divisor, whatever keeps it from being 0 and spreads it."""
    node = value.producer() if value is not None else None
    while node is not None and not node.domain and node.op_type in ("Expand", "Clip", "Max", "Add"):
        if node.op_type != "Expand" and not _is_short(node):
            return None
        value = next((v for v in node.inputs if v is not None and array(v) is None), None)
        node = value.producer() if value is not None else None
    return node if node is not None and node.op_type == "ReduceL2" and not node.domain else None


def _is_short(node: ir.Node) -> bool:
    """Whether what is added, or the lower end, is small, and there is no upper end."""
    if node.op_type == "Clip":
        if len(node.inputs) > 2 and node.inputs[2] is not None:
            return False
        given = [array(node.inputs[1])] if len(node.inputs) > 1 else []
    else:
        given = [data for v in node.inputs if (data := array(v)) is not None]
    ends = [data for data in given if data is not None and data.size == 1]
    return len(ends) == 1 and 0 <= float(ends[0].reshape(-1)[0]) <= _SHORT


def _axes(node: ir.Node) -> list[int]:
    """The axes that a reduction names, counted from the first; none where that is not known."""
    shape = graph.dims(node.inputs[0]) if node.inputs[0] is not None else None
    named = array(node.inputs[1]) if len(node.inputs) > 1 else None
    given = node.attributes.get_ints("axes", ()) if named is None else named.reshape(-1)
    if shape is None or (len(node.inputs) > 1 and node.inputs[1] is not None and named is None):
        return []
    rank = len(shape)
    whole = not len(given) and not graph.integer(node, "noop_with_empty_axes", 0)
    return list(range(rank)) if whole else [int(a) % rank for a in given]
