"""What an op becomes when all it reads and makes has its axes in another order.

    op(x)  =  Transpose<inverse>(op'(Transpose<p>(x)))

op' is op with its axes renamed: old axis a is new axis p.index(a). An op that has no such form, or
one that runtimes compute more slowly, stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra.orders import Order
from mcompile.types import Array


@dataclass(frozen=True)
class Form:
    """The inputs that carry data, what replaces other inputs, and the attributes that change."""

    data: tuple[int, ...]
    constants: dict[int, Array] = field(default_factory=dict)
    attributes: dict[str, int | Order] = field(default_factory=dict)
    restored: bool = False
    """Whether the output has the order it always had, because the moved axes are gone."""


_UNARY = """Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Cast Ceil Celu Clip Cos Cosh Elu Erf Exp
    Floor Gelu HardSigmoid HardSwish IsInf IsNaN LeakyRelu Log Mish Neg Not Reciprocal Relu Round
    Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu"""
_PAIRED = """Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Div Equal Greater GreaterOrEqual Less
    LessOrEqual Max Mean Min Mod Mul Or Pow PRelu Sub Sum Where Xor"""
_REDUCED = "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare"
_ALIKE, _BROADCAST = frozenset(_UNARY.split()), frozenset(_PAIRED.split())
OPSET = 13
"""The first operator set whose axes are read here: some ops counted them in another way before."""


def form(node: ir.Node, order: Order, opset: int) -> Form | None:
    """The op for data in that order; None where it has no such form."""
    if node.domain not in {"", "ai.onnx"} or opset < OPSET or not node.inputs:
        return None
    if node.op_type in _ALIKE:
        return Form((0,)) if _ranked(node.inputs[0], order) else None
    if node.op_type in _BROADCAST:
        return _paired(node, order)
    if node.op_type == "Concat":
        every = tuple(range(len(node.inputs)))
        if not all(_ranked(v, order) for v in node.inputs):
            return None
        data = tuple(k for k in every if graph.array(node.inputs[k]) is None)
        moved = {k: _moved(node.inputs[k], order) for k in every if k not in data}
        return Form(data, moved, _axis(node, order, 0)) if data else None
    make = _FORMS.get(node.op_type)
    return make(node, order) if make and _ranked(node.inputs[0], order) else None


def _ranked(value: ir.Value | None, order: Order) -> bool:
    return value is not None and value.shape is not None and len(value.shape) == len(order)


def _single(value: ir.Value) -> bool:
    """Whether the value has one element, so that it lies alike on all axes."""
    return value.shape is not None and all(d == 1 for d in value.shape)


def _moved(value: ir.Value | None, order: Order) -> Array:
    """A constant in the new order, after the axes that broadcasting gives it."""
    data = graph.array(value)
    if data is None:
        raise TypeError(f"{graph.name_of(value)} is not a constant")
    lain: Array = data.reshape((1,) * (len(order) - data.ndim) + data.shape)
    turned: Array = lain.transpose(order)
    return turned


def _paired(node: ir.Node, order: Order) -> Form | None:
    """Elementwise with broadcasting: every input of full rank, a constant, or a single number."""
    data, constants = [], {}
    if not _ranked(node.outputs[0], order):
        return None
    for k, value in enumerate(node.inputs):
        if value is None or value.shape is None:
            return None
        if _single(value) and len(value.shape) < len(order):
            continue
        if graph.array(value) is not None:
            if not _single(value):
                constants[k] = _moved(value, order)
        elif _ranked(value, order):
            data.append(k)
        else:
            return None
    return Form(tuple(data), constants) if data else None


def _axis(node: ir.Node, order: Order, default: int) -> dict[str, int | Order]:
    axis = graph.integer(node, "axis", default) % len(order)
    return {"axis": order.index(axis)}


def _along(node: ir.Node, order: Order) -> Form:
    return Form((0,), {}, _axis(node, order, 0))


def _softmax(node: ir.Node, order: Order) -> Form | None:
    """Runtimes copy the data where the axis is not the last: that copy is not made anew."""
    last = len(order) - 1
    old, new = graph.integer(node, "axis", -1) % len(order), _axis(node, order, -1)
    return Form((0,), {}, new) if new["axis"] == last or old != last else None


def _quantized(node: ir.Node, order: Order) -> Form | None:
    scale = node.inputs[1]
    if scale is None or scale.shape is None or graph.integer(node, "block_size", 0):
        return None
    if len(scale.shape) == 0:
        return Form((0,))
    return Form((0,), {}, _axis(node, order, 1)) if len(scale.shape) == 1 else None


def _given(node: ir.Node, index: int) -> tuple[int, ...] | None:
    """A constant input of integers; empty where it is left out."""
    value = node.inputs[index] if index < len(node.inputs) else None
    if value is None:
        return ()
    data = graph.array(value)
    return None if data is None else tuple(int(n) for n in data.reshape(-1))


def _slice(node: ir.Node, order: Order) -> Form | None:
    starts, axes = _given(node, 1), _given(node, 3)
    if starts is None or axes is None:
        return None
    axes = axes or tuple(range(len(starts)))
    renamed = np.array([order.index(a % len(order)) for a in axes], np.int64)
    return Form((0,), {3: renamed})


def _pad(node: ir.Node, order: Order) -> Form | None:
    pads, axes = _given(node, 1), _given(node, 3)
    if pads is None or axes is None:
        return None
    if axes:
        return Form((0,), {3: np.array([order.index(a % len(order)) for a in axes], np.int64)})
    halves = np.array(pads, np.int64).reshape(2, -1)
    return Form((0,), {1: halves[:, list(order)].reshape(-1)})


def _reduced(node: ir.Node, order: Order) -> Form | None:
    attribute = node.attributes.get("axes")
    axes = _given(node, 1) if attribute is None else tuple(attribute.as_ints())
    if axes is None:
        return None
    renamed = tuple(sorted(order.index(a % len(order)) for a in axes))
    kept = bool(graph.integer(node, "keepdims", 1))
    if not axes:
        return Form((0,)) if kept else None
    if not kept and not _survives(order, renamed):
        return None
    if attribute is not None:
        return Form((0,), {}, {"axes": renamed}, restored=not kept)
    return Form((0,), {1: np.array(renamed, np.int64)}, {}, restored=not kept)


def _best(node: ir.Node, order: Order) -> Form | None:
    axis = _axis(node, order, 0)
    if graph.integer(node, "keepdims", 1):
        return Form((0,), {}, axis)
    gone = order.index(graph.integer(node, "axis", 0) % len(order))
    return Form((0,), {}, axis, restored=True) if _survives(order, (gone,)) else None


def _squeeze(node: ir.Node, order: Order) -> Form | None:
    axes = _given(node, 1)
    if not axes:
        return None
    renamed = tuple(sorted(order.index(a % len(order)) for a in axes))
    if not _survives(order, renamed):
        return None
    return Form((0,), {1: np.array(renamed, np.int64)}, {}, restored=True)


def _survives(order: Order, gone: Sequence[int]) -> bool:
    """Whether the axes that are left stand in the order that they always had."""
    left = [a for k, a in enumerate(order) if k not in gone]
    return left == sorted(left)


def _trailing(node: ir.Node, order: Order) -> Form | None:
    """A norm over the last axes, where those stay in their places."""
    axis = graph.integer(node, "axis", -1) % len(order)
    alone = not any(v.uses() or v.is_graph_output() for v in node.outputs[1:])
    return Form((0,)) if alone and order[axis:] == tuple(range(axis, len(order))) else None


def _product(node: ir.Node, order: Order) -> Form | None:
    """Rows times a constant matrix, where the rows stay rows."""
    matrix = node.inputs[1]
    known = graph.is_constant(matrix) and matrix is not None and matrix.shape is not None
    two = known and matrix is not None and matrix.shape is not None and len(matrix.shape) == 2
    return Form((0,)) if two and order[-1] == len(order) - 1 else None


_FORMS: dict[str, Callable[[ir.Node, Order], Form | None]] = {
    "ArgMax": _best,
    "ArgMin": _best,
    "DequantizeLinear": _quantized,
    "Hardmax": _softmax,
    "LayerNormalization": _trailing,
    "LogSoftmax": _softmax,
    "MatMul": _product,
    "Pad": _pad,
    "QuantizeLinear": _quantized,
    **dict.fromkeys((f"Reduce{kind}" for kind in _REDUCED.split()), _reduced),
    "RMSNormalization": _trailing,
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _along,
    "Squeeze": _squeeze,
}
