"""Scales and integers for constant weights, symmetric, one scale per output channel or for all.

    q = clip(round(w / s), -127, 127)        s = max |w| / 127

Where the kernel adds two adjacent u8*s8 products in a saturating int16 (`vpmaddubsw`, x86 without
VNNI), the sum must stay below 2^15 for any activation up to 255. With P the largest sum of the
same-sign parts of two weights that are neighbours along the contraction, and one integer of slack
for the two roundings,

    255 * (P / s + 1) <= 32767,  so  s = max(max |w| / 127, P / 127.49)

No pair can then overflow, and a channel pays precision only when it would have.

Weights are read in slabs: a tensor may be larger than the memory that is to spare.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir

from mcompile.graph import integer
from mcompile.types import Array, QParams, Scheme

_LIMIT = 127
_PAIR_LIMIT = 32767 / 255 - 1
_SMALLEST = np.float32(1e-12)
_SLAB = 1 << 22
_WINDOWS = {"Conv", "ConvTranspose"}


def scales(node: ir.Node, weight: Array, scheme: Scheme) -> QParams:
    """The parameters of a weighted node's constant weight, along its output channels."""
    axis = output_axis(node) % weight.ndim
    channels = weight.shape[axis]
    pairs = scheme.pair_saturates and not is_depthwise(node, weight)
    peak = np.zeros(channels, np.float32)
    for part in _slabs(weight):
        slab = weight[part]
        found = np.abs(_by_channel(slab, axis)).max(axis=1, initial=0.0) / _LIMIT
        if pairs:
            found = np.maximum(found, _largest_pair(node, slab, axis) / _PAIR_LIMIT)
        where = part if axis == 0 else slice(None)
        peak[where] = np.maximum(peak[where], found)
    if not scheme.per_channel or node.op_type in scheme.single:
        whole = np.maximum(peak.max(initial=0.0), _SMALLEST)
        return QParams(np.asarray(whole), np.zeros((), np.int8), scheme.weights)
    scale = np.maximum(peak, _SMALLEST)
    return QParams(scale, np.zeros(channels, np.int8), scheme.weights, axis)


def encode(weight: Array, params: QParams) -> Array:
    """The weight as int8 codes under the given parameters."""
    codes = np.empty(weight.shape, np.int8)
    shape = [1] * weight.ndim
    if params.axis is not None:
        shape[params.axis] = -1
    scale = params.scale.reshape(shape)
    for part in _slabs(weight):
        own = scale[part] if params.axis == 0 else scale
        codes[part] = np.clip(np.rint(weight[part] / own), -_LIMIT, _LIMIT)
    return codes


def output_axis(node: ir.Node) -> int:
    """The axis of its weight that holds what a layer makes."""
    if node.op_type == "MatMul":
        return -1
    if node.op_type == "ConvTranspose":
        return 1
    if node.op_type == "Gemm":
        return 0 if integer(node, "transB", 0) else 1
    return 0


def _slabs(weight: Array) -> Iterator[slice]:
    """Slices along the first axis, of an even number of rows so that no pair is cut."""
    row = max(1, weight.size // max(1, weight.shape[0]))
    step = max(2, _SLAB // row // 2 * 2)
    for start in range(0, weight.shape[0], step):
        yield slice(start, start + step)


def _by_channel(slab: Array, axis: int) -> Array:
    return np.moveaxis(slab, axis, 0).reshape(slab.shape[axis], -1)


def is_depthwise(node: ir.Node, weight: Array) -> bool:
    """Whether the layer makes one channel of each it reads: its kernels add no neighbours.

    One that makes several of each goes through the kernels for all, and saturates as they do.
    """
    group = integer(node, "group", 1)
    return node.op_type in _WINDOWS and group > 1 and weight.shape[:2] == (group, 1)


def _largest_pair(node: ir.Node, slab: Array, axis: int) -> Array:
    """The largest same-sign sum of two neighbours along the contraction, by output channel.

    Kernels walk a convolution's window with the input channels innermost.
    """
    inner = 1 - axis
    rows = np.moveaxis(slab, inner, -1) if node.op_type in _WINDOWS else slab
    rows = _by_channel(rows, 0 if node.op_type in _WINDOWS else axis)
    if rows.shape[1] % 2:
        rows = np.pad(rows, ((0, 0), (0, 1)))
    pairs = rows.reshape(rows.shape[0], -1, 2)
    up = np.maximum(pairs, 0).sum(axis=2).max(axis=1, initial=0.0)
    down = np.maximum(-pairs, 0).sum(axis=2).max(axis=1, initial=0.0)
    return np.asarray(np.maximum(up, down))
