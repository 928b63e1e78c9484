"""The constants that follow lanes: those of the nodes that make them, and that read them.

Conv, Gemm, MatMul         weights and bias where they make, weights where they read
LayerNorm, RMSNorm         gain and bias where they make
Mul by a constant          the constant, on either side
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from mcompile.graph import integer, is_constant
from mcompile.types import Array

LAYERS = frozenset({"Conv", "Gemm", "MatMul"})
NORMS = frozenset({"LayerNormalization", "RMSNormalization"})


@dataclass(frozen=True)
class Edit:
    """A constant that follows the lanes: the lane of each of its elements, broadcast to it.

    `inverse` where it has a part in making them, and is divided as they are. `weight` tells a
    factor from a summand.
    """

    node: ir.Node
    index: int
    lanes: Array
    inverse: bool
    weight: bool = True


def constant_of(node: ir.Node) -> int | None:
    """The position of the one constant that the node reads."""
    found = [k for k, v in enumerate(node.inputs) if is_constant(v)]
    return found[0] if len(found) == 1 else None


def _along(ids: Array, axis: int) -> Array | None:
    """The lanes along that axis, where they differ along no other."""
    axis %= ids.ndim
    return ids.reshape(-1) if ids.shape[axis] == ids.size else None


def output_edits(node: ir.Node, ids: Array) -> list[Edit]:
    """What follows the lanes that the node makes; nothing where that cannot be."""
    if node.op_type == "Mul":
        return _factor(node, ids, inverse=True)
    own = _along(ids, 1 if node.op_type == "Conv" else -1)
    rows = None if own is None else _rows(node, own, ids.ndim)
    if own is None or rows is None:
        return []
    first = [Edit(node, 1, rows, True)]
    if len(node.inputs) < 3 or node.inputs[2] is None:
        return first
    return [*first, Edit(node, 2, own, True, False)]


def _rows(node: ir.Node, own: Array, rank: int) -> Array | None:
    """The lanes of a weight or gain by what it makes, a tensor of that rank."""
    if node.op_type in NORMS:
        return own if integer(node, "axis", -1) in (-1, rank - 1) else None
    weight = node.inputs[1]
    if weight is None or weight.shape is None or weight.shape.rank() < 2:
        return None
    first = node.op_type == "Conv" or (node.op_type == "Gemm" and integer(node, "transB", 0))
    return own.reshape([-1] + [1] * (weight.shape.rank() - 1)) if first else own


def input_edits(node: ir.Node, ids: Array) -> list[Edit]:
    """What takes the lanes that the node reads back; nothing where that cannot be."""
    if node.op_type == "Mul":
        return _factor(node, ids, inverse=False)
    own = _along(ids, 1 if node.op_type == "Conv" else -1)
    weight = node.inputs[1]
    if own is None or weight is None or weight.shape is None:
        return []
    if node.op_type == "Conv":
        columns = _columns(node, own, weight.shape)
        return [] if columns is None else [Edit(node, 1, columns, False)]
    if weight.shape.rank() != 2 or (node.op_type == "Gemm" and integer(node, "transA", 0)):
        return []
    across = node.op_type == "Gemm" and integer(node, "transB", 0)
    return [Edit(node, 1, own if across else own[:, None], False)]


def _columns(node: ir.Node, own: Array, weight: ir.Shape) -> Array | None:
    """The lanes of a convolution's weight by what it reads: [made or 1, read of a group, 1, ..]."""
    groups, made = integer(node, "group", 1), weight[0]
    if not isinstance(made, int) or own.size % groups or made % groups:
        return None
    rows = own.reshape(groups, -1).repeat(made // groups if groups > 1 else 1, axis=0)
    return rows.reshape([*rows.shape] + [1] * (weight.rank() - 2))


def _factor(node: ir.Node, ids: Array, *, inverse: bool) -> list[Edit]:
    index = constant_of(node)
    return [] if index is None else [Edit(node, index, ids, inverse)]
