"""Masks of attention and guards against NaN, as integers can hold them.

    x + m, m of 0 and -3.4e38        Min(x, c)     c is `high` where m is 0, `low` - 9 elsewhere
    Where(k, 0, -3.4e38)             Where(k, 0, -(high - low) - 9)
    Where(IsNaN(x), 0, y)            y

`low` and `high` are the ends of all x that a mask is added to, as the samples show them. What is
masked weighs at most exp(-9) of the least that is not, and codes keep their steps for the rest:
one scale for scores and -3.4e38 would leave all scores one code. Codes are never NaN, so guards
choose nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backend import Ends, Observe
from mcompile.sweep import sweep
from mcompile.types import Array, Program

_ENDLESS = -1e4
"""Below it a number stands for minus infinity: no score of a trained network comes near."""
_BEHIND = 9.0


def unguarded(program: Program) -> None:
    """Take out the choices that only NaN would make, in place."""
    for node in list(program.graph.graph):
        if node.op_type != "Where" or node.domain or node.inputs[0] is None:
            continue
        asked, kept, made = node.inputs[0].producer(), node.inputs[2], node.outputs[0]
        is_guard = asked is not None and asked.op_type == "IsNaN" and not asked.domain
        same = kept is not None and graph.dims(kept) == graph.dims(made)
        if is_guard and same and kept is not None and not graph.hindrance(made, kept):
            graph.replace(made, kept)
            sweep([node])


def tamed(program: Program, observe: Observe | None) -> None:
    """Give masks an end that the samples ask for, in place; they stay where none can be asked."""
    masked = [n for n in program.graph.graph if _mask(n) is not None]
    chosen = [n for n in program.graph.graph if _is_choice(n)]
    if observe is None or not (masked or chosen):
        return
    low, high = _ends(program, observe(program))
    for node in masked:
        found = _mask(node)
        assert found is not None  # it was a line above
        _cap(program.graph.graph, node, found, (low, high))
    for node in chosen:
        _shorten(program.graph.graph, node, low - high - _BEHIND)


def _mask(node: ir.Node) -> tuple[ir.Value, Array] | None:
    """What a constant mask is added to, and the mask."""
    if node.op_type != "Add" or node.domain:
        return None
    for value, other in (node.inputs, node.inputs[::-1]):
        data = graph.array(other)
        if value is None or data is None or graph.array(value) is not None:
            continue
        if data.dtype == np.float32:
            ends = (data == 0.0) | (data < _ENDLESS)
            return (value, data) if ends.all() and (data < _ENDLESS).any() else None
    return None


def _is_choice(node: ir.Node) -> bool:
    given = [graph.array(v) for v in node.inputs[1:]] if node.op_type == "Where" else []
    return any(g is not None and g.dtype == np.float32 and (g < _ENDLESS).any() for g in given)


def _ends(program: Program, ranges: Mapping[str, Ends]) -> tuple[float, float]:
    """The ends of all that a Softmax reads, without what was masked."""
    low = high = 0.0
    for node in program.graph.graph:
        if node.op_type != "Softmax" or node.inputs[0] is None:
            continue
        for value in _scores(node.inputs[0]):
            found = ranges.get(graph.name_of(value))
            if found is not None and _ENDLESS < found.low <= found.high < -_ENDLESS:
                low, high = min(low, found.low), max(high, found.high)
    return low, high


def _scores(value: ir.Value) -> list[ir.Value]:
    """The value, and what was added or chosen to make it."""
    node = value.producer()
    if node is None or node.op_type not in ("Add", "Where"):
        return [value]
    given = [v for v in node.inputs if v is not None and v.dtype == ir.DataType.FLOAT]
    return [value, *(s for v in given for s in _scores(v))]


def _cap(
    body: ir.Graph, node: ir.Node, found: tuple[ir.Value, Array], ends: tuple[float, float]
) -> None:
    value, data = found
    low, high = ends
    cap = np.where(data < _ENDLESS, low - _BEHIND, high).astype(np.float32)
    made = ir.node("Min", [value, graph.constant(body, "mask", cap)])
    outcome, old = made.outputs[0], node.outputs[0]
    outcome.name = graph.fresh(body, f"{graph.name_of(old)}.masked")
    outcome.type, outcome.shape = old.type, old.shape
    body.insert_before(node, made)
    graph.replace(old, outcome)
    sweep([node])


def _shorten(body: ir.Graph, node: ir.Node, end: float) -> None:
    for index, value in enumerate(node.inputs):
        data = graph.array(value) if index else None
        if data is not None and data.dtype == np.float32 and (data < _ENDLESS).any():
            near = np.maximum(data, np.float32(end))
            node.replace_input_with(index, graph.constant(body, "mask", near))
