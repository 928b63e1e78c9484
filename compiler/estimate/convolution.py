"""Multiply-accumulates of convolutions: only the taps that fall inside the image.

For one spatial dimension a tap is a pair (output position o, kernel index k) with

    0 <= o * stride + k * dilation - pad < size

and the pairs of the dimensions multiply. A transposed convolution is the same relation with image
and output exchanged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mcompile.estimate.shapes import shape


def convolution(node: ir.Node) -> int | None:
    """MACs of Conv, ConvInteger and QLinearConv, grouped and dilated ones too."""
    x, w, y = shape(node.inputs[0]), shape(_kernel(node)), shape(node.outputs[0])
    if x is None or w is None or y is None or not len(x) == len(w) == len(y):
        return None
    pairs = _pairs(node, x[2:], y[2:], w[2:])
    return x[0] * w[0] * w[1] * pairs


def transposed(node: ir.Node) -> int | None:
    """MACs of ConvTranspose."""
    x, w, y = shape(node.inputs[0]), shape(node.inputs[1]), shape(node.outputs[0])
    if x is None or w is None or y is None or not len(x) == len(w) == len(y):
        return None
    return x[0] * w[0] * w[1] * _pairs(node, y[2:], x[2:], w[2:])


def window(node: ir.Node) -> int:
    """Elements of a pooling window, padding included."""
    return math.prod(_ints(node, "kernel_shape", ()))


def _kernel(node: ir.Node) -> ir.Value | None:
    return node.inputs[3 if node.op_type == "QLinearConv" else 1]


def _pairs(node: ir.Node, image: Sequence[int], steps: Sequence[int], kernel: Sequence[int]) -> int:
    axes = enumerate(zip(image, steps, kernel, strict=True))
    return math.prod(_inside(node, axis, *sizes) for axis, sizes in axes)


def _inside(node: ir.Node, axis: int, size: int, steps: int, taps: int) -> int:
    stride = _ints(node, "strides", (1,) * (axis + 1))[axis]
    dilation = _ints(node, "dilations", (1,) * (axis + 1))[axis]
    slack = _slack(size, steps, taps, stride, dilation)
    offsets = np.arange(taps) * dilation - _pad(node, axis, slack)
    places = np.arange(steps)[:, None] * stride + offsets[None, :]
    return int(((places >= 0) & (places < size)).sum())


def _slack(size: int, steps: int, taps: int, stride: int, dilation: int) -> int:
    """Padding of both ends that makes `steps` over `size` come out."""
    return max(0, (steps - 1) * stride + (taps - 1) * dilation + 1 - size)


def _pad(node: ir.Node, axis: int, slack: int) -> int:
    mode = node.attributes.get_string("auto_pad", "NOTSET")
    if mode == "VALID":
        return 0
    if mode == "SAME_UPPER":
        return slack // 2
    if mode == "SAME_LOWER":
        return slack - slack // 2
    pads = _ints(node, "pads", ())
    if pads and "output_shape" not in node.attributes:
        return pads[axis]
    return slack // 2 if "output_shape" in node.attributes else 0


def _ints(node: ir.Node, name: str, default: Sequence[int]) -> Sequence[int]:
    return node.attributes.get_ints(name, tuple(default)) or tuple(default)
