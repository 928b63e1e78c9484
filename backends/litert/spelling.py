"""Ops without an integer kernel, written in ones that have one, before anything is calibrated.

Every step of a norm then has a range of its own, and with it a scale.

    LayerNormalization   d = x - mean(x)      y = n(d) * scale + bias
    n(d), short rows     sqrt(n) * d / |d|                     LpNormalization: L2_NORMALIZATION
    n(d), long ones      d * (mean(d * d) + eps) ^ -0.5        Pow: RSQRT
    Gemm                 alpha * A B + beta * C, where it is no FULLY_CONNECTED
    Swish                x * Sigmoid(alpha * x)
    HardSigmoid          Clip(alpha * x + beta, 0, 1)
    Sum, Mean            Add after Add
    x ^ 2                x * x
    x / y, |x|           see `quotients`
    LSTM, GRU, RNN       see `recurrences`

L2_NORMALIZATION hands on codes of 1/128: rows of n numbers keep 128 / sqrt(n) steps each side of 0.
It leaves eps out, which changes rows of no variance alone.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backend import Observe
from mcompile.backends.litert import quotients, recurrences
from mcompile.backends.litert.masks import tamed, unguarded
from mcompile.backends.litert.rows import LONGEST_UNIT, Spelling, shape_of, sizes_of
from mcompile.graph import array
from mcompile.sweep import drop_unread, sweep
from mcompile.types import Array, Program


def spelled(program: Program, observe: Observe | None = None) -> Program:
    """A copy in which every op of the table above is written in others; equal but for rounding.

    Ops whose shapes or parameters are not known stay as they are. `observe` tells how far masks
    must reach (`masks`).
    """
    copy = graph.clone(program)
    graph.infer_shapes(copy)
    body = copy.graph.graph
    with graph.naming(copy.graph):
        quotients.units(copy)
        unguarded(copy)
        tamed(copy, observe)
        for node in list(body):
            _spell(body, node)
    drop_unread(body)
    graph.infer_shapes(copy)
    return copy


def _spell(body: ir.Graph, node: ir.Node) -> None:
    write = None if node.domain else _SPELLINGS.get(node.op_type)
    made = write(Spelling(body, node), node) if write is not None else None
    if made is not None:
        made.shape = node.outputs[0].shape if made.shape is None else made.shape
        graph.replace(node.outputs[0], made)
        sweep([n for n in (made.producer(), node) if n is not None])


_Write = Callable[[Spelling, ir.Node], ir.Value | None]


def _layer(write: Spelling, node: ir.Node) -> ir.Value | None:
    x = node.inputs[0]
    sizes = sizes_of(x)
    if x is None or not sizes or any(o.uses() for o in node.outputs[1:]):
        return None
    axes = list(range(graph.integer(node, "axis", -1) % len(sizes), len(sizes)))
    if node.op_type == "LayerNormalization":
        x = write("Sub", x, write.mean(x, axes))
    scale, bias = [*node.inputs[1:], None, None][:2]
    factors = np.ones((), np.float32) if scale is None else array(scale)
    if len(axes) == 1 and 0 < sizes[-1] <= LONGEST_UNIT and factors is not None:
        unit = write("LpNormalization", x, axis=-1, p=2)
        made = write("Mul", unit, np.sqrt(np.float64(sizes[-1])) * factors)
    else:
        root = write.root(x, axes, node.attributes.get_float("epsilon", 1e-5))
        made = write("Mul", x, root)
        made = made if scale is None else write("Mul", made, scale)
    return made if bias is None else write("Add", made, bias)


def _groups(write: Spelling, node: ir.Node) -> ir.Value | None:
    """Channels cut into groups, axes 1 and 2, the mean over all but the groups."""
    x, shape = node.inputs[0], shape_of(node.inputs[0])
    scale, bias = array(node.inputs[1]), array(node.inputs[2])
    if x is None or shape is None or scale is None or bias is None or len(shape) < 3:
        return None
    groups = graph.integer(node, "num_groups", shape[1])
    whole, inner = _before_rows(x, groups) if groups == shape[1] else (x, shape)
    cut = np.array([0, groups, inner[1] // groups, *inner[2:]], np.int64)
    rows = whole if inner[1] == groups else write("Reshape", whole, write.number(cut))
    axes = list(range(2, len(inner) + (rows is not whole)))
    d = write("Sub", rows, write.mean(rows, axes))
    normal = write("Mul", d, write.root(d, axes, node.attributes.get_float("epsilon", 1e-5)))
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
    maker, own = x.producer(), shape_of(x) or ()
    source = maker.inputs[0] if maker is not None and maker.op_type == "Reshape" else None
    shape = shape_of(source)
    if source is None or shape is None or len(shape) < 3 or len(own) != 3 or shape[1] % groups:
        return x, own
    same = shape[0] == own[0] and prod(shape[1:]) == prod(own[1:]) and shape[1] > groups
    return (source, shape) if same else (x, own)


def _batch(write: Spelling, node: ir.Node) -> ir.Value | None:
    x, sizes = node.inputs[0], sizes_of(node.inputs[0])
    found = [array(v) for v in node.inputs[1:5]]
    if x is None or not sizes or any(p is None for p in found):
        return None
    if graph.integer(node, "training_mode", 0) or any(o.uses() for o in node.outputs[1:]):
        return None
    scale, bias, mean, variance = (p.astype(np.float64) for p in found if p is not None)
    factor = scale / np.sqrt(variance + node.attributes.get_float("epsilon", 1e-5))
    column = (-1, *(1 for _ in sizes[2:]))
    scaled = write("Mul", x, factor.reshape(column))
    return write("Add", scaled, (bias - mean * factor).reshape(column))


def _gemm(write: Spelling, node: ir.Node) -> ir.Value | None:
    """A Gemm that is no FULLY_CONNECTED: alpha * A B + beta * C."""
    a, b, c = [*node.inputs, None][:3]
    get = node.attributes.get_float
    alpha, beta = get("alpha", 1.0), get("beta", 1.0)
    weights, bias = array(b), array(c)
    row = c is None or (bias is not None and bias.ndim == 1)
    plain = alpha == beta == 1.0 and not graph.integer(node, "transA", 0)
    if a is None or b is None or a.dtype != ir.DataType.FLOAT:
        return None
    if weights is not None and plain and row:
        return None
    a = write("Transpose", a, perm=[1, 0]) if graph.integer(node, "transA", 0) else a
    turned = graph.integer(node, "transB", 0)
    if weights is None:
        made = write("MatMul", a, write("Transpose", b, perm=[1, 0]) if turned else b)
        made = made if alpha == 1.0 else write("Mul", made, alpha)
    else:
        made = write("MatMul", a, (weights.T if turned else weights) * np.float64(alpha))
    if c is None or beta == 0.0:
        return made
    term = write("Mul", c, beta) if bias is None and beta != 1.0 else c
    return write("Add", made, term if bias is None else bias * np.float64(beta))


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


_SPELLINGS: dict[str, _Write] = {
    "BatchNormalization": _batch,
    "Div": quotients.divided,
    "GRU": recurrences.unrolled,
    "Gemm": _gemm,
    "GroupNormalization": _groups,
    "HardSigmoid": _hard_sigmoid,
    "InstanceNormalization": _groups,
    "LSTM": recurrences.unrolled,
    "LayerNormalization": _layer,
    "Mean": _sum,
    "Pow": _pow,
    "RMSNormalization": _layer,
    "RNN": recurrences.unrolled,
    "ReduceL1": quotients.summed,
    "ReduceL2": quotients.summed,
    "ReduceSumSquare": quotients.summed,
    "Sum": _sum,
    "Swish": _swish,
}
