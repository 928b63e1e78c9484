"""Convolutions: CONV_2D and DEPTHWISE_CONV_2D over one axis or two, CONV_3D over three.

Weights O, I/group, kernel become O, kernel, I/group; of a depthwise one 1, kernel, O, with
O = I * depth_multiplier; of CONV_3D kernel, I, O. Explicit pads that are not the runtime's SAME
are a PAD before. XNNPACK takes the first two, groups and dilations included; CONV_3D has no
groups and no integer kernel.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.biases import coded, zeros
from mcompile.backends.litert.draft import Quant, Tensor
from mcompile.backends.litert.layout import Order, channels_last
from mcompile.backends.litert.lowering import BOTH, Lowering
from mcompile.backends.litert.moves import piece, seen_as
from mcompile.backends.litert.padding import Window, padded, with_height
from mcompile.backends.litert.values import Constant
from mcompile.backends.litert.walk import Walk
from mcompile.types import Array

_PLAIN, _DEPTHWISE = "Conv2DOptions", "DepthwiseConv2DOptions"


def _conv(walk: Walk, node: ir.Node) -> None:
    value, shape = node.inputs[0], walk.shape(node.inputs[0])
    if walk.constant(node.inputs[1]) is None:
        raise walk.place.refused(
            "its weights are computed when the model runs", "store the weights in the model"
        )
    if len(shape) not in (3, 4, 5):
        raise walk.place.refused(
            f"a convolution over {len(shape) - 2} axes", "fold axes: LiteRT slides over up to three"
        )
    if len(shape) == 5:
        walk.in_reals()
    weights = weights_of(walk, node.inputs[1])
    window = Window.of(node, shape[2:], weights.data.shape[2:])
    order = _order(walk, value, window)
    sizes = [shape[a] for a in order[1:-1]]
    window = Window.of(node, sizes, weights.data.shape[2:])
    source, made = walk.read(value, order), walk.make(order)
    window = window.touched(made.shape[1:-1])
    bias = bias_of(walk, node, weights, source)
    if len(shape) == 5:
        _volume(walk, window, [source, bias, made], weights)
        return
    target = made if len(shape) == 4 else walk.scratch(made, with_height(made.shape))
    flat = seen_as(walk, source, with_height(source.shape))
    convolved(walk, window.flat(), [flat, bias, target], weights)
    if target is not made:
        walk.draft.reshape(target, made)


def _order(walk: Walk, value: ir.Value | None, window: Window) -> Order:
    """Channels last; one entry at a time, the others may lie as they do."""
    is_point = {*window.kernel, *window.strides} == {1} and not any(map(any, window.pads))
    near = walk.view(value).order() if is_point and len(window.kernel) == 2 else None
    if near is not None and (near[0], near[-1]) == (0, 1):
        return near
    return channels_last(len(window.kernel) + 2)


def convolved(walk: Walk, window: Window, tensors: list[Tensor], weights: Constant) -> None:
    """Write a convolution over two axes of the first tensor with the second as bias to the third.

    `weights` are O, I/group and the kernel.
    """
    source, bias, target = tensors
    weights, bias = in_step(walk, weights, bias, source)
    source, padding = padded(walk, source, window)
    group = source.shape[3] // weights.data.shape[1]
    depthwise = weights.data.shape[1] == 1 and group > 1
    kernel = _depthwise(weights) if depthwise else _ordinary(weights)
    fields = window.fields(padding) | {"fusedActivationFunction": walk.place.ending.code}
    if depthwise:
        fields["depthMultiplier"] = weights.data.shape[0] // group
    kind = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    inputs = [source, walk.stored(kernel), bias]
    walk.draft.emit(kind, inputs, [target], _DEPTHWISE if depthwise else _PLAIN, **fields)


def weights_of(walk: Walk, value: ir.Value | None) -> Constant:
    """A constant of a node with weights: its codes on integers, else the numbers they stand for."""
    found = walk.constant(value)
    if found is None:
        raise walk.place.refused(
            "its weights or bias are computed when the model runs", "store them in the model"
        )
    data, quant = found.data, found.quant
    kept = walk.place.lowering.hybrid and data.ndim <= 4 and data.dtype in (np.float16, np.int8)
    if walk.place.integers or kept:
        return found
    if quant is not None:
        wide = [-1 if a == quant.axis else 1 for a in range(data.ndim)]
        scale = np.array(quant.scale, np.float32).reshape(wide if len(quant.scale) > 1 else [])
        zero = np.array(quant.zero_point).reshape(scale.shape)
        data = (data.astype(np.int64) - zero).astype(np.float32) * scale
    return Constant(found.name, data.astype(np.float32, copy=False), None)


def _ordinary(weights: Constant) -> Constant:
    data = _two_axes(weights.data).transpose(0, 2, 3, 1)
    return Constant(weights.name, np.ascontiguousarray(data), _along(weights.quant, 0))


def _depthwise(weights: Constant) -> Constant:
    data = _two_axes(weights.data).transpose(1, 2, 3, 0)
    return Constant(weights.name, np.ascontiguousarray(data), _along(weights.quant, 3))


def _two_axes(data: Array) -> Array:
    return data[:, :, None] if data.ndim == 3 else data


def _along(quant: Quant | None, axis: int) -> Quant | None:
    return quant and Quant(quant.scale, quant.zero_point, axis)


def bias_of(walk: Walk, node: ir.Node, weights: Constant, source: Tensor) -> Tensor:
    """The bias as it is stored; zeros, in the type that sums have, where there is none."""
    if len(node.inputs) > 2 and node.inputs[2] is not None:
        bias = weights_of(walk, node.inputs[2])
        if bias.data.dtype == np.float16 and weights.data.dtype != np.float16:
            bias = Constant(bias.name, bias.data.astype(np.float32))  # as its weights are
        return walk.stored(coded(walk, bias, weights, source))
    return zeros(walk, weights, source, weights.data.shape[0])


def in_step(walk: Walk, weights: Constant, bias: Tensor, source: Tensor) -> tuple[Constant, Tensor]:
    """Weights and bias with one scale for each output, or one for all, and the bias in its unit.

    Kernels add the bias as a number of steps of input times weight, whatever its own scale says.
    """
    if weights.quant is None or bias.quant is None or bias.data is None or source.quant is None:
        return weights, bias
    count = max(len(weights.quant.scale), len(bias.quant.scale))
    scales = np.array(weights.quant.scale * (count // len(weights.quant.scale)), np.float32)
    unit = np.float32(source.quant.scale[0]) * scales
    own = np.array(bias.quant.scale, np.float32)
    found = Constant(weights.name, weights.data, Quant(tuple(map(float, scales)), (0,) * count, 0))
    kind, steps = np.int64 if source.dtype == "int16" else np.int32, bias.data
    if len(own) != count or not np.allclose(own, unit, rtol=1e-3, atol=0):
        least = np.iinfo(np.int32)
        steps = np.rint(bias.data * (own.astype(np.float64) / unit)).clip(least.min, least.max)
    elif steps.dtype == kind:
        return found, bias
    quant = Quant(tuple(map(float, unit)), (0,) * count)
    return found, walk.draft.constant(bias.name, steps.astype(kind), quant)


def _volume(walk: Walk, window: Window, tensors: list[Tensor], weights: Constant) -> None:
    source, bias, made = tensors
    if bias.data is None:
        raise walk.place.refused("a bias that is computed", "store the bias in the model")
    source, padding = padded(walk, source, window)
    group = source.shape[-1] // weights.data.shape[1]
    every = range(group)
    inner, outer = weights.data.shape[1], len(weights.data) // group
    targets = [made] if group == 1 else [
        walk.scratch(made, (*made.shape[:-1], outer)) for _ in every
    ]  # fmt: skip
    fields = {"padding": padding, "fusedActivationFunction": walk.place.ending.code}
    for k, axis in enumerate("DHW"):
        fields[f"stride{axis}"] = window.strides[k]
        fields[f"dilation{axis}Factor"] = window.dilations[k]
    for g, target in enumerate(targets):
        part = piece(walk, source, 4, (g * inner, (g + 1) * inner))
        kernel = weights.data[g * outer : (g + 1) * outer].transpose(2, 3, 4, 1, 0)
        stored = walk.draft.constant(weights.name, np.ascontiguousarray(kernel))
        added = walk.draft.constant(bias.name, bias.data[g * outer : (g + 1) * outer])
        walk.draft.emit("CONV_3D", [part, stored, added], [target], "Conv3DOptions", **fields)
    if group > 1:
        walk.draft.emit("CONCATENATION", targets, [made], "ConcatenationOptions", axis=4)


LOWERINGS = {"Conv": Lowering(_conv, fuses=True, integers=BOTH, hybrid=True)}
