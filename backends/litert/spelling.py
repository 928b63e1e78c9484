"""Ops without an integer kernel, written in ones that have one, before anything is calibrated.

Every step of a norm then has a range of its own, and with it a scale.

    LayerNormalization   d = x - mean(x)      y = n(d) * scale + bias
    n(d), short rows     sqrt(n) * d / |d|                     LpNormalization: L2_NORMALIZATION
    n(d), long ones      d * (mean(d * d) + eps) ^ -0.5        Pow: RSQRT
    Swish                x * Sigmoid(alpha * x)
    HardSigmoid          Clip(alpha * x + beta, 0, 1)
    Sum, Mean            Add after Add
    x ^ 2, x / c         x * x, x * (1 / c)
    x / Sqrt(v)          x * v ^ -0.5

L2_NORMALIZATION hands on codes of 1/128: rows of n numbers keep 128 / sqrt(n) steps each side of 0.
It leaves eps out, which changes rows of no variance alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backend import Observe
from mcompile.backends.litert.masks import tamed, unguarded
from mcompile.graph import array, constant, fresh, name_of
from mcompile.sweep import sweep
from mcompile.types import Array, Program

LONGEST_UNIT = 256
"""Numbers of a row up to which its unit vector is finer in 8 bits than its inverse deviation."""
_AXES_AS_INPUT = 18
"""The operator set since which ReduceMean reads its axes."""


def spelled(program: Program, observe: Observe | None = None) -> Program:
    """A copy in which every op of the table above is written in others; equal but for rounding.

    Ops whose shapes or parameters are not known stay as they are. `observe` tells how far masks
    must reach (`masks`).
    """
    copy = graph.clone(program)
    graph.infer_shapes(copy)
    body = copy.graph.graph
    unguarded(copy)
    tamed(copy, observe)
    for node in list(body):
        write = None if node.domain else _SPELLINGS.get(node.op_type)
        made = write(Spelling(body, node), node) if write is not None else None
        if made is not None:
            graph.replace(node.outputs[0], made)
            sweep([node])
    graph.infer_shapes(copy)
    return copy


class Spelling:
    """Writes nodes in front of another; numbers among their inputs become constants."""

    def __init__(self, body: ir.Graph, node: ir.Node) -> None:
        self._body, self._node = body, node
        self._opset = body.opset_imports.get("", 0)
        self._stem = name_of(node.outputs[0])

    def __call__(self, op: str, *given: ir.Value | Array | float, **attributes: Any) -> ir.Value:
        """The first output of a new node."""
        inputs = [v if isinstance(v, ir.Value) else self.number(v) for v in given]
        node = ir.node(op, inputs, attributes or None)
        made = node.outputs[0]
        made.name = fresh(self._body, f"{self._stem}.{op.lower()}")
        made.type = self._node.outputs[0].type
        self._body.insert_before(self._node, node)
        return made

    def mean(self, x: ir.Value, axes: Sequence[int]) -> ir.Value:
        """ReduceMean as the operator set of the program has it."""
        if self._opset < _AXES_AS_INPUT:
            return self("ReduceMean", x, axes=list(axes), keepdims=1)
        return self("ReduceMean", x, np.array(axes, np.int64), keepdims=1)

    def number(self, value: Array | float) -> ir.Value:
        """A constant; floats are of 32 bits."""
        data = np.asarray(value)
        data = data.astype(np.float32) if data.dtype.kind == "f" else data
        return constant(self._body, f"{self._stem}.number", data)


_Write = Callable[[Spelling, ir.Node], ir.Value | None]


def _layer(write: Spelling, node: ir.Node) -> ir.Value | None:
    x = node.inputs[0]
    shape = _shape(x)
    if x is None or shape is None or any(o.uses() for o in node.outputs[1:]):
        return None
    first = graph.integer(node, "axis", -1) % len(shape)
    axes = list(range(first, len(shape)))
    if node.op_type == "LayerNormalization":
        x = write("Sub", x, write.mean(x, axes))
    epsilon = node.attributes.get_float("epsilon", 1e-5)
    scale, bias = [*node.inputs[1:], None, None][:2]
    if len(axes) == 1 and shape[-1] <= LONGEST_UNIT:
        factors = array(scale) if scale is not None else np.ones((), np.float32)
        if factors is None:
            return None
        unit = write("LpNormalization", x, axis=-1, p=2)
        made = write("Mul", unit, np.sqrt(np.float64(shape[-1])) * factors)
    else:
        root = _root(write, x, axes, epsilon)
        made = write("Mul", x, root)
        made = made if scale is None else write("Mul", made, scale)
    return made if bias is None else write("Add", made, bias)


def _groups(write: Spelling, node: ir.Node) -> ir.Value | None:
    """Channels cut into groups, axes 1 and 2, the mean over all but the groups."""
    x, shape = node.inputs[0], _shape(node.inputs[0])
    scale, bias = array(node.inputs[1]), array(node.inputs[2])
    if x is None or shape is None or scale is None or bias is None or len(shape) < 3:
        return None
    groups = graph.integer(node, "num_groups", shape[1])
    whole, inner = _before_rows(x, groups) if groups == shape[1] else (x, shape)
    cut = np.array([0, groups, inner[1] // groups, *inner[2:]], np.int64)
    rows = whole if inner[1] == groups else write("Reshape", whole, write.number(cut))
    axes = list(range(2, len(inner) + (rows is not whole)))
    d = write("Sub", rows, write.mean(rows, axes))
    normal = write("Mul", d, _root(write, d, axes, node.attributes.get_float("epsilon", 1e-5)))
    is_cut = rows is not whole or whole is not x
    if groups == shape[1]:
        normal = _affine(write, normal, (scale, bias), len(axes))
    if is_cut:
        normal = write("Reshape", normal, write.number(np.array([0, *shape[1:]], np.int64)))
    if groups == shape[1]:
        return normal
    each = [np.repeat(p, shape[1] // p.size) for p in (scale, bias)]
    return _affine(write, normal, (each[0], each[1]), len(shape) - 2)


def _affine(write: Spelling, x: ir.Value, given: tuple[Array, Array], behind: int) -> ir.Value:
    """x * scale + bias by channel, with that many axes behind; neither where it changes nothing."""
    scale, bias = (p.reshape((-1, *[1] * behind)) for p in given)
    x = x if (scale == 1).all() else write("Mul", x, scale)
    return x if not bias.any() else write("Add", x, bias)


def _before_rows(x: ir.Value, groups: int) -> tuple[ir.Value, tuple[int, ...]]:
    """The value that a Reshape made long rows of, one for each group; or the value itself."""
    maker, own = x.producer(), _shape(x) or ()
    source = maker.inputs[0] if maker is not None and maker.op_type == "Reshape" else None
    shape = _shape(source)
    if source is None or shape is None or len(shape) < 3 or len(own) != 3 or shape[1] % groups:
        return x, own
    same = shape[0] == own[0] and prod(shape[1:]) == prod(own[1:]) and shape[1] > groups
    return (source, shape) if same else (x, own)


def _batch(write: Spelling, node: ir.Node) -> ir.Value | None:
    x, shape = node.inputs[0], _shape(node.inputs[0])
    found = [array(v) for v in node.inputs[1:5]]
    if x is None or shape is None or any(p is None for p in found):
        return None
    if graph.integer(node, "training_mode", 0) or any(o.uses() for o in node.outputs[1:]):
        return None
    scale, bias, mean, variance = (p.astype(np.float64) for p in found if p is not None)
    factor = scale / np.sqrt(variance + node.attributes.get_float("epsilon", 1e-5))
    column = (-1, *(1 for _ in shape[2:]))
    scaled = write("Mul", x, factor.reshape(column))
    return write("Add", scaled, (bias - mean * factor).reshape(column))


def _swish(write: Spelling, node: ir.Node) -> ir.Value | None:
    x, alpha = node.inputs[0], node.attributes.get_float("alpha", 1.0)
    if x is None:
        return None
    return write("Mul", x, write("Sigmoid", x if alpha == 1.0 else write("Mul", x, alpha)))


def _hard_sigmoid(write: Spelling, node: ir.Node) -> ir.Value | None:
    x = node.inputs[0]
    if x is None:
        return None
    line = write("Mul", x, node.attributes.get_float("alpha", 0.2))
    return write("Clip", write("Add", line, node.attributes.get_float("beta", 0.5)), 0.0, 1.0)


def _sum(write: Spelling, node: ir.Node) -> ir.Value | None:
    given = [v for v in node.inputs if v is not None]
    if len(given) < 2:
        return None
    total = given[0]
    for value in given[1:]:
        total = write("Add", total, value)
    return total if node.op_type == "Sum" else write("Mul", total, 1 / len(given))


def _pow(write: Spelling, node: ir.Node) -> ir.Value | None:
    x, power = node.inputs[0], array(node.inputs[1])
    if x is None or power is None or power.size != 1 or float(power.reshape(-1)[0]) != 2.0:
        return None
    same = x.shape is not None and power.ndim <= x.shape.rank()
    return write("Mul", x, x) if same and x.dtype == ir.DataType.FLOAT else None


def _div(write: Spelling, node: ir.Node) -> ir.Value | None:
    x, y = node.inputs[:2]
    if x is None or y is None or x.dtype != ir.DataType.FLOAT:
        return None
    divisor, maker = array(y), y.producer()
    if divisor is not None and (divisor != 0).all():
        return write("Mul", x, 1 / divisor.astype(np.float64))
    root = maker.inputs[0] if maker is not None and maker.op_type == "Sqrt" else None
    return None if root is None else write("Mul", x, write("Pow", root, -0.5))


def _root(write: Spelling, d: ir.Value, axes: Sequence[int], epsilon: float) -> ir.Value:
    """(mean(d * d) + epsilon) ^ -0.5"""
    variance = write.mean(write("Mul", d, d), axes)
    return write("Pow", write("Add", variance, epsilon), -0.5)


def _shape(value: ir.Value | None) -> tuple[int, ...] | None:
    """The shape where all but the first size are known."""
    found = graph.dims(value) if value is not None else None
    if not found or not all(isinstance(d, int) for d in found[1:]):
        return None
    return tuple(d if isinstance(d, int) else -1 for d in found)


_SPELLINGS: dict[str, _Write] = {
    "BatchNormalization": _batch,
    "Div": _div,
    "GroupNormalization": _groups,
    "HardSigmoid": _hard_sigmoid,
    "InstanceNormalization": _groups,
    "LayerNormalization": _layer,
    "Mean": _sum,
    "Pow": _pow,
    "RMSNormalization": _layer,
    "Sum": _sum,
    "Swish": _swish,
}
