"""Norms, spelled out in reals: no builtin operator is one, and XNNPACK computes each of these.

    d = x - mean(x)      y = d * rsqrt(mean(d * d) + eps) * scale + bias

Means are over axes of memory: no norm asks for another order. Scales of whole channels are taken
into the small factor before that meets the large tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.layout import Order, arranged, channels_last, straight
from mcompile.backends.litert.lowering import Lowering
from mcompile.backends.litert.ops.softmax import last
from mcompile.backends.litert.steps import Steps
from mcompile.backends.litert.values import Held
from mcompile.backends.litert.views import View
from mcompile.backends.litert.walk import Walk

_EPSILON = 1e-5


def _source(walk: Walk, node: ir.Node) -> Held:
    if node.inputs[0] is None:
        raise walk.place.refused("its input is left out")
    held = walk.held(node.inputs[0])
    if held.tensor.dtype != "float32":
        raise walk.place.refused(f"a norm of {held.tensor.dtype}")
    return held


def _spread(walk: Walk, value: ir.Value, shape: Sequence[int], order: Order) -> Tensor:
    """A parameter seen in that shape of the program and laid out in that order of memory."""
    constant = walk.constant(value)
    if constant is not None and constant.quant is None and constant.data.dtype == np.float32:
        data = constant.data.reshape(shape).transpose(order)
        return walk.draft.constant(f"{constant.name}.spread", data)
    made = Steps(walk).shaped(walk.read(value), shape)
    return walk.values.turned(Held(made, straight(len(shape))), order, made.name)


def _rooted(steps: Steps, d: Tensor, axes: Sequence[int], epsilon: float) -> Tensor:
    """1 / sqrt(mean(d * d) + epsilon)"""
    variance = steps.reduce("MEAN", steps("SQUARE", d), axes)
    return steps("RSQRT", steps("ADD", variance, epsilon))


def _centred(steps: Steps, x: Tensor, axes: Sequence[int]) -> tuple[Tensor, Tensor]:
    mean = steps.reduce("MEAN", x, axes)
    return mean, steps("SUB", x, mean)


def _finished(steps: Steps, value: Tensor, more: Sequence[tuple[str, Tensor]], out: Tensor) -> None:
    """Apply the operators that are left, the last of them into `out`."""
    for index, (kind, operand) in enumerate(more):
        value = steps(kind, value, operand, out=out if index == len(more) - 1 else None)


def _layer(walk: Walk, node: ir.Node) -> None:
    held, steps = _source(walk, node), Steps(walk)
    rank = len(held.order)
    first = graph.integer(node, "axis", -1) % rank
    axes = [held.order.index(a) for a in range(first, rank)]
    epsilon = node.attributes.get_float("epsilon", _EPSILON)
    mean, d = held.tensor, held.tensor
    if node.op_type == "LayerNormalization":
        mean, d = _centred(steps, held.tensor, axes)
    root = _rooted(steps, d, axes, epsilon)
    shape, more = walk.shape(node.inputs[0]), [("MUL", root)]
    for kind, value in zip(("MUL", "ADD"), node.inputs[1:], strict=False):
        if value is not None:
            given = walk.shape(value)
            wide = (1,) * (len(shape) - len(given)) + given
            more.append((kind, _spread(walk, value, wide, held.order)))
    _finished(steps, d, more, walk.make(held.order))
    for index, made in ((1, mean), (2, root)):
        if len(node.outputs) > index and node.outputs[index].name:
            out = walk.make(held.order, index)
            steps.shaped(made, out.shape, out)


def _groups(walk: Walk, node: ir.Node) -> None:
    """Channels are cut into groups where they lie; an instance norm has a group for each."""
    if _in_pieces(walk, node):
        return
    held, steps = _source(walk, node), Steps(walk)
    channels = walk.shape(node.inputs[0])[1]
    count = graph.integer(node, "num_groups", channels)
    place, shape = held.order.index(1), held.tensor.shape
    pair = (count,) if count == channels else (count, channels // count)
    cut = (*shape[:place], *pair, *shape[place + 1 :])
    row = held.order.index(0)
    kept = {place, row + (len(pair) - 1 if row > place else 0)}
    axes = [a for a in range(len(cut)) if a not in kept]
    _, d = _centred(steps, steps.shaped(held.tensor, cut), axes)
    root = _rooted(steps, d, axes, node.attributes.get_float("epsilon", _EPSILON))
    wide = tuple(n if place <= a < place + len(pair) else 1 for a, n in enumerate(cut))
    scale, bias = (_grouped(walk, v, wide, count) for v in node.inputs[1:3])
    out, product = walk.make(held.order), steps("MUL", d, steps("MUL", root, scale))
    if cut == out.shape:
        steps("ADD", product, bias, out=out)
    else:
        steps.shaped(steps("ADD", product, bias), out.shape, out)


def _in_pieces(walk: Walk, node: ir.Node) -> bool:
    """Write an instance norm of what lies in no order on the pieces of memory that it is made of.

    Exporters write a group norm so: a Reshape makes each group a channel of one long row.
    """
    view, constants = walk.deferred(node.inputs[0]), [walk.constant(v) for v in node.inputs[1:3]]
    if view is None or node.op_type != "InstanceNormalization" or view.order() is not None:
        return False
    if view.tensor.dtype != "float32" or any(c is None or c.quant for c in constants):
        return False
    steps, channel = Steps(walk), view.axes[1]
    axes = [p for run in view.axes[2:] for p in run]
    _, d = _centred(steps, steps.shaped(view.tensor, view.sizes), axes)
    root = _rooted(steps, d, axes, node.attributes.get_float("epsilon", _EPSILON))
    places = sorted(range(len(channel)), key=channel.__getitem__)
    wide = [n if p in channel else 1 for p, n in enumerate(view.sizes)]
    each = [view.sizes[p] for p in channel]
    scale, bias = (
        steps.number(c.data.reshape(each).transpose(places).reshape(wide), "float32")
        for c in constants
        if c is not None
    )
    made = steps("ADD", steps("MUL", d, steps("MUL", root, scale)), bias)
    walk.defer(View(made, view.sizes, view.axes))
    return True


def _grouped(walk: Walk, value: ir.Value | None, wide: tuple[int, ...], count: int) -> Tensor:
    """A parameter of each channel, or of each group as before operator set 21."""
    if value is None:
        raise walk.place.refused("its scale or bias is left out")
    if prod(walk.shape(value)) != prod(wide):
        first = next(a for a, n in enumerate(wide) if n == count)
        wide = tuple(count if a == first else 1 for a in range(len(wide)))
    return _spread(walk, value, wide, straight(len(wide)))


def _batch(walk: Walk, node: ir.Node) -> None:
    if graph.integer(node, "training_mode", 0):
        raise walk.place.refused("a BatchNormalization in training mode")
    held, steps = _source(walk, node), Steps(walk)
    found = [walk.known(v) for v in node.inputs[1:5]]
    shape = [1] * len(held.order)
    if len(shape) > 1:
        shape[held.order.index(1)] = -1
    out = walk.make(held.order)
    if any(p is None for p in found):
        _batch_computed(walk, node, (held.tensor, shape, out))
        return
    scale, bias, mean, variance = (p.astype(np.float64) for p in found if p is not None)
    factor = scale / np.sqrt(variance + node.attributes.get_float("epsilon", _EPSILON))
    factors = steps.number(factor.reshape(shape), "float32")
    rest = steps.number((bias - mean * factor).reshape(shape), "float32")
    _finished(steps, held.tensor, [("MUL", factors), ("ADD", rest)], out)


def _batch_computed(walk: Walk, node: ir.Node, place: tuple[Tensor, Sequence[int], Tensor]) -> None:
    source, shape, out = place
    steps, count = Steps(walk), walk.shape(node.inputs[1])[0]
    wide = [count if n == -1 else n for n in shape]
    scale, bias, mean, variance = (steps.shaped(walk.read(v), wide) for v in node.inputs[1:5])
    epsilon = node.attributes.get_float("epsilon", _EPSILON)
    factor = steps("MUL", scale, steps("RSQRT", steps("ADD", variance, epsilon)))
    centred = steps("SUB", source, mean)
    _finished(steps, centred, [("MUL", factor), ("ADD", bias)], out)


def _unit(walk: Walk, node: ir.Node) -> None:
    """L2_NORMALIZATION over the last axis of memory, or a quotient by the sum of sizes."""
    assert node.inputs[0] is not None
    held, steps = walk.held(node.inputs[0]), Steps(walk)
    axis = graph.integer(node, "axis", -1) % len(held.order)
    if graph.integer(node, "p", 2) == 2:
        order = last(held.order, axis)
        source = walk.read(node.inputs[0], order)
        walk.draft.emit("L2_NORMALIZATION", [source], [walk.make(order)], "L2NormOptions")
        return
    source = _source(walk, node).tensor
    total = steps.reduce("SUM", steps("ABS", source), [held.order.index(axis)])
    steps("DIV", source, steps("MAXIMUM", total, _LEAST), out=walk.make(held.order))


_LEAST = float(np.finfo(np.float32).tiny)
"""Stands in for a sum of 0, by which 0 would be divided."""


def _across_channels(walk: Walk, node: ir.Node) -> None:
    size = graph.integer(node, "size", 1)
    if size % 2 == 0:
        raise walk.place.refused("an LRN over an even number of channels")
    shape, steps = walk.shape(node.inputs[0]), Steps(walk)
    order = channels_last(len(shape))
    source, out = walk.read(node.inputs[0], order), walk.make(order)
    memory = arranged(shape, order)
    four = (memory[0], 1, prod(memory[1:-1]), memory[-1])
    flat = source if len(memory) == len(four) else steps.shaped(source, four)
    made = out if flat is source else walk.scratch(flat, four)
    walk.draft.emit(
        "LOCAL_RESPONSE_NORMALIZATION", [flat], [made], "LocalResponseNormalizationOptions",
        radius=size // 2, bias=node.attributes.get_float("bias", 1.0),
        alpha=node.attributes.get_float("alpha", 1e-4) / size,
        beta=node.attributes.get_float("beta", 0.75),
    )  # fmt: skip
    if made is not out:
        steps.shaped(made, out.shape, out)


def _mean_variance(walk: Walk, node: ir.Node) -> None:
    """(x - mean) / (sqrt(variance) + 1e-9)"""
    held, steps = _source(walk, node), Steps(walk)
    rank = len(held.order)
    given = node.attributes.get_ints("axes", (0, 2, 3))
    axes = [held.order.index(a % rank) for a in given]
    _, d = _centred(steps, held.tensor, axes)
    deviation = steps("SQRT", steps.reduce("MEAN", steps("SQUARE", d), axes))
    steps("DIV", d, steps("ADD", deviation, 1e-9), out=walk.make(held.order))


LOWERINGS = {
    "BatchNormalization": Lowering(_batch),
    "GroupNormalization": Lowering(_groups),
    "InstanceNormalization": Lowering(_groups),
    "LRN": Lowering(_across_channels),
    "LayerNormalization": Lowering(_layer),
    "LpNormalization": Lowering(_unit, integers=frozenset({"int8", "uint8"})),
    "MeanVarianceNormalization": Lowering(_mean_variance),
    "RMSNormalization": Lowering(_layer),
}
