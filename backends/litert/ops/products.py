"""Products of matrices: FULLY_CONNECTED with a constant matrix, BATCH_MATMUL with a computed one.

    Gemm:  alpha * A' B' + beta * C        alpha goes into constant weights, beta into the bias

An operand whose last two axes lie the other way round in memory is read so (`adj_x`, `adj_y`).
"""

from __future__ import annotations

from math import prod

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.endings import stored_shape
from mcompile.backends.litert.linear import linear, spread, swapped, turned
from mcompile.backends.litert.lowering import BOTH, Lowering
from mcompile.backends.litert.pairs import is_real
from mcompile.backends.litert.values import Constant
from mcompile.backends.litert.walk import Walk

_MOST_AXES = 5
"""That BATCH_MATMUL has kernels for (`kernels/batch_matmul.cc`, `Prepare`)."""


def is_linear(node: ir.Node) -> bool:
    """Whether the node multiplies with one constant matrix, and adds constants at most."""
    shape, rank = stored_shape(node.inputs[1]), _rank(node.inputs[0])
    if shape is None:
        return False
    if node.op_type == "Gemm":
        added = node.inputs[2] if len(node.inputs) > 2 else None
        columns = shape[0] if node.attributes.get_int("transB", 0) else shape[1]
        kept = stored_shape(added)
        return added is None or (kept is not None and _is_row(kept, columns))
    return len(shape) >= 2 and prod(shape[:-2]) == 1 and len(shape) <= max(rank, 2)


def _rank(value: ir.Value | None) -> int:
    return len(value.shape) if value is not None and value.shape is not None else 0


def _is_row(shape: tuple[int, ...], columns: int) -> bool:
    return prod(shape) in (1, columns) and (not shape or prod(shape) == shape[-1])


def _gemm(walk: Walk, node: ir.Node) -> None:
    _demand_reals(walk, node)
    alpha, beta = (node.attributes.get_float(n, 1.0) for n in ("alpha", "beta"))
    if not is_linear(node):
        _product_and_sum(walk, node, alpha, beta)
        return
    weights = walk.constant(node.inputs[1])
    bias = walk.constant(node.inputs[2]) if len(node.inputs) > 2 else None
    if weights is None:
        raise walk.place.refused("a constant matrix that cannot be read")
    if not node.attributes.get_int("transB", 0):
        weights = turned(weights)
    weights = _scaled(walk, weights, alpha)
    if bias is not None:
        bias = _scaled(walk, spread(bias, len(weights.data)), beta)
    across = bool(node.attributes.get_int("transA", 0))
    linear(walk, node.inputs[0], weights, bias, order=(1, 0) if across else None)


def _scaled(walk: Walk, constant: Constant, by: float) -> Constant:
    if by == 1.0:
        return constant
    if constant.quant is not None:
        raise walk.place.refused("quantized constants beside an alpha or beta that is not 1")
    data = (constant.data.astype(np.float64) * by).astype(np.float32)
    return Constant(constant.name, data)


def _product_and_sum(walk: Walk, node: ir.Node, alpha: float, beta: float) -> None:
    """A Gemm of computed matrices, or with more than a row to add."""
    if alpha != 1.0 or len(node.inputs) > 2:
        walk.in_reals()  # what lies between the operators has no scale
    flags = [bool(node.attributes.get_int(n, 0)) for n in ("transA", "transB")]
    left, adj_x = _side(walk, node.inputs[0], flags[0])
    right, adj_y = _side(walk, node.inputs[1], flags[1])
    made = walk.make()
    added = node.inputs[2] if len(node.inputs) > 2 and beta else None
    steps = [alpha != 1.0, added is not None]
    found = walk.scratch(made, made.shape) if any(steps) else made
    _multiply(walk, (left, right), (adj_x, adj_y), found)
    if alpha != 1.0:
        found = _times(walk, found, alpha, None if added is not None else made)
    if added is not None:
        term = walk.read(added)
        term = term if beta == 1.0 else _times(walk, term, beta, None)
        walk.draft.emit("ADD", [found, term], [made], "AddOptions")


def _times(walk: Walk, tensor: Tensor, by: float, made: Tensor | None) -> Tensor:
    made = made or walk.scratch(tensor, tensor.shape)
    factor = walk.draft.constant("factor", np.array(by, np.float32))
    walk.draft.emit("MUL", [tensor, factor], [made], "MulOptions")
    return made


def _matmul(walk: Walk, node: ir.Node) -> None:
    _demand_reals(walk, node)
    weights = walk.constant(node.inputs[1])
    if weights is not None and is_linear(node):
        matrix = weights.data.reshape(weights.data.shape[-2:])
        quant = weights.quant
        if quant is not None and len(quant.scale) > 1:
            quant = type(quant)(quant.scale, quant.zero_point, quant.axis - weights.data.ndim + 2)
        bias = walk.constant(walk.place.ending.bias)
        linear(walk, node.inputs[0], turned(Constant(weights.name, matrix, quant)), bias)
        return
    left, adj_x = _side(walk, node.inputs[0], False)
    right, adj_y = _side(walk, node.inputs[1], False)
    made = walk.make()
    vectors = len(left.shape) == 1, len(right.shape) == 1
    left = _reshaped(walk, left, (1, *left.shape)) if vectors[0] else left
    right = _reshaped(walk, right, (*right.shape, 1)) if vectors[1] else right
    left, right = _few_axes(walk, left, right)
    rows, columns = left.shape[-1 if adj_x else -2], right.shape[-2 if adj_y else -1]
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    shape = (*batch, rows, columns)
    found = made if shape == made.shape else walk.scratch(made, shape)
    _multiply(walk, (left, right), (adj_x, adj_y), found)
    if found is not made:
        walk.draft.reshape(found, made)


def _side(walk: Walk, value: ir.Value | None, transposed: bool) -> tuple[Tensor, bool]:
    """An operand whose last two axes are in place, or the other way round where it lies so."""
    rank = len(walk.shape(value))
    if value is None or rank < 2:
        return walk.read(value), False
    constant = walk.constant(value)
    if constant is not None:
        if constant.quant is not None and len(constant.quant.scale) > 1:
            raise walk.place.refused("BATCH_MATMUL takes one scale for a tensor, not by channel")
        return walk.read(value), transposed
    lies_so = walk.view(value).order() == swapped(rank)
    return walk.read(value, swapped(rank) if lies_so else None), lies_so is not transposed


def _reshaped(walk: Walk, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    made = walk.scratch(tensor, shape)
    walk.draft.reshape(tensor, made)
    return made


def _few_axes(walk: Walk, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """The operands with no more axes than there are kernels for."""
    if max(len(left.shape), len(right.shape)) <= _MOST_AXES:
        return left, right
    if left.shape[:-2] != right.shape[:-2]:
        raise walk.place.refused(
            f"a product of {len(left.shape)} and {len(right.shape)} axes that spread over another",
            f"at most {_MOST_AXES} axes, or the same leading ones",
        )
    shapes = [(prod(t.shape[:-2]), *t.shape[-2:]) for t in (left, right)]
    return _reshaped(walk, left, shapes[0]), _reshaped(walk, right, shapes[1])


def _multiply(
    walk: Walk, sides: tuple[Tensor, Tensor], adjoint: tuple[bool, bool], made: Tensor
) -> None:
    fields = {"adjX": adjoint[0], "adjY": adjoint[1]}
    walk.draft.emit("BATCH_MATMUL", sides, [made], "BatchMatMulOptions", **fields)


def _demand_reals(walk: Walk, node: ir.Node) -> None:
    for value in node.inputs[:2]:
        if value is not None and not is_real(value):
            raise walk.place.refused(f"a product of {graph.dtype_of(value)}", "Cast to float32")


LOWERINGS = {
    "Gemm": Lowering(_gemm, fuses=is_linear, integers=BOTH, hybrid=True),
    "MatMul": Lowering(_matmul, fuses=is_linear, integers=BOTH, hybrid=True),
}
