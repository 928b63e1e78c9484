"""Transposed convolutions: TRANSPOSE_CONV, or a convolution over data spread out by zeros.

TRANSPOSE_CONV puts x[i] * w[t] at  i * stride + t - before  where `before` is what SAME or VALID
stand for; other pads are cut off by a SLICE. It has neither groups nor dilations, and its output's
batch is a number in the file. Else

    x, stride - 1 zeros behind each entry  ->  PAD  ->  Conv with the kernel turned round

which XNNPACK takes too, at stride^2 times the products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.biases import coded, zeros
from mcompile.backends.litert.draft import Quant, Tensor
from mcompile.backends.litert.layout import Order, channels_last
from mcompile.backends.litert.lowering import BOTH, Lowering
from mcompile.backends.litert.moves import around, cut, hand_on, seen_as
from mcompile.backends.litert.ops.convolutions import convolved, in_step, weights_of
from mcompile.backends.litert.padding import SAME, VALID, Window, with_height
from mcompile.backends.litert.values import Constant
from mcompile.backends.litert.walk import Walk


@dataclass(frozen=True)
class _Spread:
    """Along each of two axes: sizes in and out, the kernel's reach, steps, and what is cut off."""

    window: Window
    outputs: tuple[int, ...]
    before: tuple[int, ...]


def _transposed(walk: Walk, node: ir.Node) -> None:
    shape = walk.shape(node.inputs[0])
    if len(shape) not in (3, 4):
        raise walk.place.refused(
            f"a transposed convolution over {len(shape) - 2} axes", "one or two axes"
        )
    weights = weights_of(walk, node.inputs[1])
    order, group = channels_last(len(shape)), node.attributes.get_int("group", 1)
    source = walk.read(node.inputs[0], order)
    source = seen_as(walk, source, with_height(source.shape))
    spread = _spread(walk, node, shape, weights)
    plain = group == 1 and not walk.draft.is_free(source.shape[0])
    weights = _outputs_first(weights, group)
    bias = _bias(walk, node, weights, source)
    if plain and _is_held(spread):
        made = _by_kernel(walk, spread, [source, bias], weights)
    else:
        made = _by_zeros(walk, spread, [source, bias], weights)
    _finish(walk, made, spread, order)


def _spread(walk: Walk, node: ir.Node, shape: tuple[int, ...], weights: Constant) -> _Spread:
    window = Window.of(node, shape[2:], weights.data.shape[2:]).flat()
    outputs = (1, 1, *walk.shape(node.outputs[0])[2:])[-2:]
    rank = len(shape) - 2
    extra = (0, 0, *node.attributes.get_ints("output_padding", (0,) * rank))[-2:]
    auto = node.attributes.get_string("auto_pad", "NOTSET")
    before = tuple(b for b, _ in window.pads)
    if "output_shape" in node.attributes or auto.startswith("SAME"):
        every = zip(window.sizes, window.strides, window.reach, extra, outputs, strict=True)
        cuts = [max((n - 1) * s + r + e - o, 0) for n, s, r, e, o in every]
        before = tuple(c // 2 if auto == "SAME_UPPER" else c - c // 2 for c in cuts)
    return _Spread(window, outputs, before)


def _outputs_first(weights: Constant, group: int) -> Constant:
    """O, I/group, kernel of weights that are I, O/group, kernel; scales repeated by group."""
    data, quant = weights.data, weights.quant
    data = data.reshape(group, data.shape[0] // group, *data.shape[1:]).swapaxes(1, 2)
    data = data.reshape(-1, *data.shape[2:])
    if quant is not None and len(quant.scale) > 1:
        quant = Quant(quant.scale * group, quant.zero_point * group, 0)
    return Constant(weights.name, data if data.ndim == 4 else data[:, :, None], quant)


def _bias(walk: Walk, node: ir.Node, weights: Constant, source: Tensor) -> Tensor:
    if len(node.inputs) > 2 and node.inputs[2] is not None:
        return walk.stored(coded(walk, weights_of(walk, node.inputs[2]), weights, source))
    return zeros(walk, weights, source, len(weights.data))


def _is_held(spread: _Spread) -> bool:
    """Whether TRANSPOSE_CONV computes it: no dilation, and no part that nothing reaches."""
    window = spread.window
    asked = zip(spread.outputs, spread.before, _full(window), window.strides, strict=True)
    return max(window.dilations) == 1 and all(o + b - f < s for o, b, f, s in asked)


def _full(window: Window) -> list[int]:
    every = zip(window.sizes, window.strides, window.kernel, strict=True)
    return [(n - 1) * s + k for n, s, k in every]


def _by_kernel(walk: Walk, spread: _Spread, tensors: list[Tensor], weights: Constant) -> Tensor:
    """The output of TRANSPOSE_CONV, with `before` entries too many in front where not SAME."""
    source, bias = tensors
    weights, bias = in_step(walk, weights, bias, source)
    window = spread.window
    over = Window(spread.outputs, window.kernel, window.strides, window.dilations, window.pads)
    tall = all(k >= s for k, s in zip(window.kernel, window.strides, strict=True))
    steps = tuple(-(-o // s) for o, s in zip(spread.outputs, window.strides, strict=True))
    is_same = tuple(b for b, _ in over.same()) == spread.before and steps == window.sizes
    padding, sizes = SAME, spread.outputs
    if not (is_same and tall):
        padding = VALID
        # XNNPACK works out the size from the kernel: it must hold all that the kernel reaches.
        bare = zip(spread.outputs, spread.before, _full(window), strict=True)
        sizes = tuple(max(o + b, f) for o, b, f in bare)
    shape = (source.shape[0], *sizes, len(weights.data))
    made = _target(walk, source, shape)
    kernel = np.ascontiguousarray(weights.data.transpose(0, 2, 3, 1))
    inputs = [
        walk.draft.constant("output_shape", np.array(shape, np.int32)),
        walk.stored(Constant(weights.name, kernel, weights.quant)),
        source,
        bias,
    ]
    walk.draft.emit(
        "TRANSPOSE_CONV", inputs, [made], "TransposeConvOptions", padding=padding,
        strideH=window.strides[0], strideW=window.strides[1],
        fusedActivationFunction=walk.place.ending.code,
    )  # fmt: skip
    return made


def _by_zeros(walk: Walk, spread: _Spread, tensors: list[Tensor], weights: Constant) -> Tensor:
    """The output of a convolution over the input with zeros between its entries."""
    source, bias = tensors
    window = spread.window
    data = _with_gaps(walk, source, window.strides)
    pads = []
    for axis in (0, 1):
        front = window.reach[axis] - 1 - spread.before[axis]
        behind = spread.outputs[axis] + window.reach[axis] - 1 - data.shape[axis + 1] - front
        pads.append((front, behind))
    data = _trimmed(walk, data, pads)
    kept = [(max(a, 0), max(b, 0)) for a, b in pads]
    over = Window(data.shape[1:3], window.kernel, (1, 1), window.dilations, tuple(kept))
    made = _target(walk, source, (data.shape[0], *spread.outputs, len(weights.data)))
    turned = np.ascontiguousarray(weights.data[:, :, ::-1, ::-1])
    convolved(walk, over, [data, bias, made], Constant(weights.name, turned, weights.quant))
    return made


def _with_gaps(walk: Walk, source: Tensor, strides: tuple[int, ...]) -> Tensor:
    """Each row and column followed by zeros: N H W C as N H 1 W*C and N*H W 1 C is padded."""
    batch, high, wide, deep = source.shape
    if strides[0] > 1:
        rows = seen_as(walk, source, (batch, high, 1, wide * deep))
        rows = around(walk, rows, ((0, 0), (0, 0), (0, strides[0] - 1), (0, 0)))
        high *= strides[0]
        source = seen_as(walk, rows, (batch, high, wide, deep))
    if strides[1] > 1:
        columns = seen_as(walk, source, (batch * high, wide, 1, deep))
        columns = around(walk, columns, ((0, 0), (0, 0), (0, strides[1] - 1), (0, 0)))
        source = seen_as(walk, columns, (batch, high, wide * strides[1], deep))
    return source


def _trimmed(walk: Walk, data: Tensor, pads: list[tuple[int, int]]) -> Tensor:
    begin = [0, *(max(-front, 0) for front, _ in pads), 0]
    ends = [0, *(max(-behind, 0) for _, behind in pads), 0]
    size = [n - b - e for n, b, e in zip(data.shape, begin, ends, strict=True)]
    return cut(walk, data, begin, size)


def _target(walk: Walk, source: Tensor, shape: tuple[int, ...]) -> Tensor:
    return walk.scratch(source, shape, quant=walk.quant())


def _finish(walk: Walk, made: Tensor, spread: _Spread, order: Order) -> None:
    begin = [0, *spread.before, 0] if made.shape[1:3] != spread.outputs else [0] * 4
    size = (made.shape[0], *spread.outputs, made.shape[3])
    hand_on(walk, cut(walk, made, begin, size), order)


LOWERINGS = {"ConvTranspose": Lowering(_transposed, fuses=True, integers=BOTH)}
