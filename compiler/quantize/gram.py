"""What a layer reads and gives at some of its positions, and the moments of it.

A weighted layer is, in each of its groups, a matrix product  y = x W^T  over rows x: a row of what
a linear layer reads, or the window of a convolution at one position, its channels innermost as
kernels walk it. With rows x as they arrive in the quantized program and outputs y of the float
one, all that the error of any weight depends on is

    H = sum of x^T x        C = sum of y^T x        |y - x w|^2 = |y|^2 - 2 C w + w H w

Rows are taken less their mean where the layer's bias takes the mean error off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import onnx_ir as ir

from mcompile.graph import integer
from mcompile.types import Array

KINDS = frozenset({"Conv", "Gemm", "MatMul"})
"""Ops whose rows are known here."""


@dataclass(frozen=True)
class Moments:
    """H [groups, inputs, inputs], C [groups, outputs, inputs], |y|^2 [groups, outputs]."""

    inner: Array
    cross: Array
    power: Array
    rows: int

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.inner + other.inner,
            self.cross + other.cross,
            self.power + other.power,
            self.rows + other.rows,
        )

    def error(self, weight: Array) -> float:
        """The sum of |y - x w|^2 over all rows and outputs, for weights as `matrix` gives them."""
        changed = (weight @ self.inner - 2.0 * self.cross) * weight
        return max(0.0, float(self.power.sum() + changed.sum(dtype=np.float64)))


def moments(rows: Array, outputs: Array, centred: bool) -> Moments:
    """Those of rows [groups, rows, inputs] and outputs [groups, rows, outputs].

    Infinite where float32 cannot hold them: whoever reads them leaves such a layer as it is.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if centred:
            rows = rows - rows.mean(axis=1, keepdims=True)
            outputs = outputs - outputs.mean(axis=1, keepdims=True)
        power = np.einsum("gro,gro->go", outputs, outputs, dtype=np.float64)
        inner, cross = rows.swapaxes(1, 2) @ rows, outputs.swapaxes(1, 2) @ rows
    return Moments(inner, cross, power, rows.shape[1])


def matrix(node: ir.Node, weight: Array) -> Array:
    """The weight of a layer as [groups, outputs, inputs]."""
    if node.op_type == "Conv":
        groups = integer(node, "group", 1)
        last = np.moveaxis(weight, 1, -1)
        return np.asarray(last.reshape(groups, weight.shape[0] // groups, -1))
    return np.asarray((weight if _is_turned(node) else weight.T)[None])


def shaped(node: ir.Node, found: Array, shape: Sequence[int]) -> Array:
    """What `matrix` makes of a weight of that shape, as it was."""
    if node.op_type == "Conv":
        last = found.reshape(shape[0], *shape[2:], shape[1])
        return np.ascontiguousarray(np.moveaxis(last, -1, 1))
    return np.ascontiguousarray(found[0] if _is_turned(node) else found[0].T)


def by_group(outputs: Array, groups: int) -> Array:
    """Outputs [rows, channels] as [groups, rows, outputs]."""
    return np.asarray(outputs.reshape(len(outputs), groups, -1).swapaxes(0, 1))


def rows(node: ir.Node, data: Array, weight: Array, size: Sequence[int], at: Array) -> Array:
    """What the layer reads for some positions of its output: [groups, rows, inputs].

    `size` is the shape of that output; `at` counts the positions of all its axes but the channels.
    """
    if node.op_type != "Conv":
        return np.asarray(data.reshape(-1, data.shape[-1])[at][None])
    window = _Window(node, data.shape[2:], weight.shape[2:], size[2:])
    padded = np.pad(data, [(0, 0), (0, 0), *window.pads])
    flat = np.moveaxis(padded, 1, -1).reshape(-1, data.shape[1])
    read = window.places(at, (data.shape[0], *padded.shape[2:]))
    groups = integer(node, "group", 1)
    found = flat[read].reshape(*read.shape, groups, -1).transpose(2, 0, 1, 3)
    return np.asarray(found.reshape(groups, len(at), -1))


class _Window:
    """Where the window of a convolution lies for each position of its output."""

    def __init__(
        self, node: ir.Node, data: Sequence[int], taps: Sequence[int], size: Sequence[int]
    ) -> None:
        rank = len(taps)
        self._taps, self._size = taps, size
        self._stride = node.attributes.get_ints("strides", [1] * rank)
        self._step = node.attributes.get_ints("dilations", [1] * rank)
        reach = [
            (n - 1) * s + (t - 1) * d + 1
            for n, s, t, d in zip(size, self._stride, taps, self._step, strict=True)
        ]
        spare = [max(0, r - n) for r, n in zip(reach, data, strict=True)]
        kind = node.attributes.get_string("auto_pad", "NOTSET")
        first = list(node.attributes.get_ints("pads", [0] * (2 * rank)))[:rank]
        if kind != "NOTSET":
            # All that is read beyond the data is padding; an odd zero goes to the side named.
            first = [(s + (kind == "SAME_LOWER")) // 2 for s in spare]
        last = [max(0, r - n - f) for r, n, f in zip(reach, data, first, strict=True)]
        self.pads = list(zip(first, last, strict=True))

    def places(self, at: Array, sides: Sequence[int]) -> Array:
        """Indices [positions, taps] into padded data of [batch, *sides]."""
        batch, *place = np.unravel_index(at, (sides[0], *self._size))
        corner = [p * s for p, s in zip(place, self._stride, strict=True)]
        first = np.ravel_multi_index((batch, *corner), sides)
        steps = [
            np.ravel_multi_index([0, *(t * d for t, d in zip(tap, self._step, strict=True))], sides)
            for tap in product(*(range(t) for t in self._taps))
        ]
        return np.asarray(first[:, None] + np.asarray(steps)[None, :])


def _is_turned(node: ir.Node) -> bool:
    return node.op_type == "Gemm" and bool(integer(node, "transB", 0))
