"""Ops that scale and shift channels by constants: y = s * x + t.

Mul, Div, Add, Sub by a constant, and BatchNormalization in inference.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import linear
from mcompile.algebra.linear import Side
from mcompile.types import Array


def operand(node: ir.Node | None) -> ir.Value | None:
    """The run-time value that the node scales and shifts by constants; None for other nodes."""
    if node is None or node.domain not in {"", "ai.onnx"}:
        return None
    if node.op_type == "BatchNormalization":
        return node.inputs[0] if not training(node) and _fixed(node) else None
    if node.op_type not in {"Mul", "Div", "Add", "Sub"}:
        return None
    left, right = node.inputs[:2]
    if "broadcast" in node.attributes:  # before opset 7 the second input had an axis to lie on
        return None
    if graph.is_constant(right):
        return None if graph.is_constant(left) else left
    return right if graph.is_constant(left) and node.op_type != "Div" else None


def training(node: ir.Node) -> str:
    """Why the norm is not a fixed affine map, in words; empty when it is."""
    if graph.integer(node, "training_mode", 0) or not graph.integer(node, "is_test", 1):
        return "the norm is in training mode"
    if any(v.uses() or v.is_graph_output() for v in node.outputs[1:]):
        return "its running statistics are read"
    return "" if graph.integer(node, "spatial", 1) else "it norms each position on its own"


def _fixed(node: ir.Node) -> bool:
    return all(graph.array(v) is not None for v in node.inputs[1:5])


def factors(node: ir.Node, side: Side) -> tuple[Array, Array] | None:
    """Factor and shift per channel; None where the op does not work channel by channel."""
    if node.op_type == "BatchNormalization":
        return _norm(node, side)
    left, right = node.inputs[:2]
    first = graph.is_constant(left)
    data = linear.vector(linear.known(left if first else right), side)
    if data is None:
        return None
    one, none = np.ones(side.channels), np.zeros(side.channels)
    if node.op_type == "Mul":
        return data, none
    if node.op_type == "Div":
        with np.errstate(all="ignore"):
            return 1.0 / data, none
    if node.op_type == "Add":
        return one, data
    return (-one, data) if first else (one, -data)


def _norm(node: ir.Node, side: Side) -> tuple[Array, Array] | None:
    parts = [linear.known(v).astype(np.float64) for v in node.inputs[1:5]]
    if side.rank is None or side.rank + side.axis != 1 or parts[0].size != side.channels:
        return None
    gamma, beta, mean, variance = parts
    epsilon = np.float32(node.attributes.get_float("epsilon", 1e-5))
    with np.errstate(all="ignore"):
        scale = gamma / np.sqrt(variance + epsilon)
        return scale, beta - mean * scale
