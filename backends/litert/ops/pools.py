"""Pools: MAX_POOL_2D and AVERAGE_POOL_2D over one axis to three, and maxima of spread windows.

The runtime pads by SAME or not at all. Before a maximum other pads are a PADV2 with the lowest
number, or a PAD where nothing lies below zero; `averages` says what becomes of those of averages.
A pool over three axes is one over two and then one over the third; a dilated maximum is a chain of
MAXIMUM over STRIDED_SLICEs.
"""

from __future__ import annotations

from math import inf

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.averages import average, over_planes, pool, summed
from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.layout import Order, channels_last
from mcompile.backends.litert.lowering import BOTH, Lowering
from mcompile.backends.litert.moves import around, hand_on, stepped
from mcompile.backends.litert.padding import Window, padded
from mcompile.backends.litert.walk import Walk

_NOT_BELOW_ZERO = {"RELU", "RELU6", "LOGISTIC"}
_RELU_CODES = {1, 3}
_KEEPS = {"MAX_POOL_2D", "RESHAPE", "SLICE", "TRANSPOSE"}


def _max_pool(walk: Walk, node: ir.Node) -> None:
    if len(node.outputs) > 1 and (node.outputs[1].uses() or node.outputs[1].is_graph_output()):
        raise walk.place.refused(
            "LiteRT's pool does not say where its maxima are", "a model without the indices"
        )
    order, source, window = _pooled(walk, node)
    if max(window.dilations) > 1:
        hand_on(walk, _dilated_max(walk, source, window), order)
    else:
        hand_on(walk, over_planes(walk, source, window, _maximum), order)


def _average_pool(walk: Walk, node: ir.Node) -> None:
    if max(node.attributes.get_ints("dilations", (1,))) > 1:
        walk.in_reals()
    order, source, window = _pooled(walk, node)
    if node.attributes.get_int("count_include_pad", 0):
        source, window = _counted(walk, node, source, window)
    hand_on(walk, over_planes(walk, source, window, average), order)


def _lp_pool(walk: Walk, node: ir.Node) -> None:
    order, source, window = _pooled(walk, node)
    power = node.attributes.get_int("p", 2)
    source = around(walk, source, ((0, 0), *window.pads, (0, 0)))
    total = over_planes(walk, _powers(walk, source, power), window.padded(), summed)
    hand_on(walk, _root(walk, total, power), order)


def _global(kind: str) -> Lowering:
    def write(walk: Walk, node: ir.Node) -> None:
        order, source = _whole(walk, node)
        made = walk.make(order)
        inputs = [source, _axes(walk, source)]
        walk.draft.emit(kind, inputs, [made], "ReducerOptions", keepDims=True)

    return Lowering(write, integers=BOTH, moves=kind != "MEAN")


def _global_lp(walk: Walk, node: ir.Node) -> None:
    order, source = _whole(walk, node)
    power = node.attributes.get_int("p", 2)
    powers = _powers(walk, source, power)
    total = walk.scratch(source, (source.shape[0], *(1,) * (len(order) - 2), source.shape[-1]))
    inputs = [powers, _axes(walk, source)]
    walk.draft.emit("SUM", inputs, [total], "ReducerOptions", keepDims=True)
    hand_on(walk, _root(walk, total, power), order)


def _whole(walk: Walk, node: ir.Node) -> tuple[Order, Tensor]:
    order = channels_last(len(walk.shape(node.inputs[0])))
    return order, walk.read(node.inputs[0], order)


def _axes(walk: Walk, source: Tensor) -> Tensor:
    return walk.draft.constant("axes", np.arange(1, len(source.shape) - 1, dtype=np.int32))


def _pooled(walk: Walk, node: ir.Node) -> tuple[Order, Tensor, Window]:
    """The order and the tensor that a pool reads, and its window with the pads it touches."""
    shape = walk.shape(node.inputs[0])
    if len(shape) not in (3, 4, 5):
        raise walk.place.refused(f"a pool over {len(shape) - 2} axes", "one to three axes")
    window = Window.of(node, shape[2:], node.attributes.get_ints("kernel_shape", ()))
    outputs = walk.shape(node.outputs[0])[2:]
    every = zip(outputs, window.strides, window.pads, window.sizes, strict=True)
    if any((o - 1) * s >= n + before for o, s, (before, _), n in every):
        # The standard leaves such a window out; shape inference counts it.
        raise walk.place.refused("its last window lies in the pads alone", "ceil_mode = 0")
    order = channels_last(len(shape))
    return order, walk.read(node.inputs[0], order), window.touched(outputs)


def _counted(walk: Walk, node: ir.Node, source: Tensor, window: Window) -> tuple[Tensor, Window]:
    """The tensor with the pads that count in it; what `ceil_mode` reaches beyond does not."""
    asked = Window.of(node, window.sizes, window.kernel).pads
    pads = tuple((b, min(e, most)) for (b, e), (_, most) in zip(window.pads, asked, strict=True))
    rest = tuple((0, e - k) for (_, e), (_, k) in zip(window.pads, pads, strict=True))
    sizes = tuple(n + sum(p) for n, p in zip(window.sizes, pads, strict=True))
    inside = Window(sizes, window.kernel, window.strides, window.dilations, rest)
    return around(walk, source, ((0, 0), *pads, (0, 0))), inside


def _maximum(walk: Walk, source: Tensor, window: Window) -> Tensor:
    filling = 0.0 if _never_below_zero(walk, source) else -inf
    source, padding = padded(walk, source, window, filling)
    return pool(walk, "MAX_POOL_2D", (source, padding), window)


def _never_below_zero(walk: Walk, tensor: Tensor) -> bool:
    """Whether zeros around a float tensor cannot change a maximum."""
    if tensor.quant is not None:
        return False
    for op in reversed(walk.draft.ops):
        if tensor in op.outputs:
            fused = op.fields.get("fusedActivationFunction") in _RELU_CODES
            if fused or op.kind in _NOT_BELOW_ZERO:
                return True
            if op.kind not in _KEEPS or op.inputs[0] is None:
                return False
            tensor = op.inputs[0]
    return False


def _dilated_max(walk: Walk, source: Tensor, window: Window) -> Tensor:
    """Maxima of entries that lie apart, one axis after the other."""
    source = around(walk, source, ((0, 0), *window.pads, (0, 0)), -inf)
    for k, taps in enumerate(window.kernel):
        axis, step, apart = k + 1, window.strides[k], window.dilations[k]
        last = (source.shape[axis] - window.reach[k]) // step * step
        parts = [
            stepped(walk, source, axis, range(t * apart, t * apart + last + 1, step))
            for t in range(taps)
        ]
        source = parts[0]
        for part in parts[1:]:
            made = walk.scratch(source, source.shape)
            walk.draft.emit("MAXIMUM", [source, part], [made], "MaximumMinimumOptions")
            source = made
    return source


def _powers(walk: Walk, source: Tensor, power: int) -> Tensor:
    """|x|^p, entry by entry."""
    if power == 2:
        return _changed(walk, "SQUARE", source, "SquareOptions")
    source = _changed(walk, "ABS", source, "AbsOptions")
    return source if power == 1 else _raised(walk, source, float(power))


def _root(walk: Walk, source: Tensor, power: int) -> Tensor:
    if power == 1:
        return source
    return _changed(walk, "SQRT", source) if power == 2 else _raised(walk, source, 1 / power)


def _changed(walk: Walk, kind: str, source: Tensor, options: str = "") -> Tensor:
    made = walk.scratch(source, source.shape)
    walk.draft.emit(kind, [source], [made], options)
    return made


def _raised(walk: Walk, source: Tensor, exponent: float) -> Tensor:
    made = walk.scratch(source, source.shape)
    number = walk.draft.constant("exponent", np.array([exponent], np.float32))
    walk.draft.emit("POW", [source, number], [made], "PowOptions")
    return made


LOWERINGS = {
    "AveragePool": Lowering(_average_pool, integers=BOTH, moves=True),
    "GlobalAveragePool": _global("MEAN"),
    "GlobalLpPool": Lowering(_global_lp),
    "GlobalMaxPool": _global("REDUCE_MAX"),
    "LpPool": Lowering(_lp_pool),
    "MaxPool": Lowering(_max_pool, integers=BOTH, moves=True),
}
