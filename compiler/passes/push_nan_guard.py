"""The guard against attention rows without any key moves behind the product with the values.

    g = Where(IsNaN(s), 0, s)       MatMul(g, v)        with s = Softmax(x) over the last axis
    ->   Where(IsNaN(ReduceSum(s)), 0, MatMul(s, v))

A row of a softmax is NaN as a whole or not at all: its sum tells. Values are fewer than scores, so
what is chosen among is smaller. A product with a row of zeros is zero, as long as v is finite. The
number of keys must be known: onnxruntime gives the sum of an empty row no element.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra.patterns import made, seen
from mcompile.rules import Phase, Rule, Skip

FIRST_OPSET = 13


@dataclass(frozen=True)
class Guarded:
    """The product, the softmax it reads through a guard, and the zero that stands in for NaN."""

    product: ir.Node
    shares: ir.Value
    zero: ir.Value
    values: ir.Value


class PushNanGuard(Rule[Guarded]):
    root = "MatMul"
    phase = Phase.FUSE

    def match(self, node: ir.Node) -> Guarded | Skip | None:
        guard = made(node.inputs[0], "Where")
        test = made(guard.inputs[0], "IsNaN") if guard is not None else None
        softmax = made(guard.inputs[2], "Softmax") if guard is not None else None
        if guard is None or test is None or softmax is None or self.opset < FIRST_OPSET:
            return None
        shares, zero, values = softmax.outputs[0], guard.inputs[1], node.inputs[1]
        if test.inputs[0] is not shares or zero is None or not _is_zero(zero):
            return None
        if values is None or not _is_table(shares) or not _is_table(values):
            return None
        if graph.integer(softmax, "axis", -1) not in {-1, len(shares.shape or ()) - 1}:
            return None
        reason = seen((guard, test), node) or _emptiness(shares)
        return Skip(reason) if reason else Guarded(node, shares, zero, values)

    def rewrite(self, found: Guarded) -> None:
        old, home = found.product.outputs[0], graph.owner(found.product)
        last = graph.constant(home, "last_axis", np.array([-1]))
        total = ir.Node("", "ReduceSum", [found.shares, last])
        test = ir.Node("", "IsNaN", [total.outputs[0]])
        product = ir.Node("", "MatMul", [found.shares, found.values], name=found.product.name)
        guard = ir.Node("", "Where", [test.outputs[0], found.zero, product.outputs[0]])
        stem = graph.name_of(old)
        for node, kind in ((total, "sum"), (test, "nan"), (product, "raw"), (guard, "kept")):
            home.insert_before(found.product, node)
            node.outputs[0].name = graph.fresh(home, f"{stem}_{kind}")
        product.outputs[0].type, guard.outputs[0].type = old.type, old.type
        for value in (product.outputs[0], guard.outputs[0]):
            value.shape = old.shape.copy() if old.shape is not None else None
        if not old.is_graph_output():
            name = graph.name_of(guard.outputs[0])
            guard.outputs[0].name, old.name = stem, name
        graph.replace(old, guard.outputs[0])


def _is_zero(value: ir.Value) -> bool:
    """Whether the value is a single zero."""
    data = graph.array(value) if graph.is_constant(value) else None
    return data is not None and data.size == 1 and data.ndim == 0 and not data.any()


def _is_table(value: ir.Value) -> bool:
    """Whether the value is known to have rows and columns."""
    return value.shape is not None and len(value.shape) > 1


def _emptiness(shares: ir.Value) -> str:
    """Why a row may have no element, in words; empty when it has one."""
    size = (graph.dims(shares) or ("?",))[-1]
    return "" if isinstance(size, int) and size > 0 else f"{shares.name} may have empty rows"
