"""Integer sums of Gemm and MatMul, and the scale of each of their columns.

y[m, n] = sum over k of a[m, k] * b[k, n]
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile.graph import integer
from mcompile.simulate.coded import Coded, along
from mcompile.simulate.sums import cut_off, product, saturates
from mcompile.types import Array, Scheme


def matmul(left: Coded, right: Coded, scheme: Scheme) -> tuple[Array, Array]:
    """The sums of a MatMul of any ranks, and their unit."""
    one, other = left.centered(), right.centered()
    total = product(one, other)
    if saturates(scheme, left.codes, right.codes) and one.ndim > 1 and other.ndim > 1:
        total = total - _lost(left.codes.astype(np.int32), right.codes, total.shape)
    return total, left.params.scale * _columns(right)


def gemm(node: ir.Node, left: Coded, right: Coded, scheme: Scheme) -> tuple[Array, Array]:
    """The sums of a Gemm, and their unit with `alpha` in it."""
    left = _turned(left, integer(node, "transA", 0))
    right = _turned(right, integer(node, "transB", 0))
    total, scale = matmul(left, right, scheme)
    return total, scale * np.float32(node.attributes.get_float("alpha", 1.0))


def _turned(one: Coded, turn: int) -> Coded:
    if not turn:
        return one
    axis = one.params.axis
    moved = None if axis is None else 1 - axis
    return Coded(one.codes.T, type(one.params)(*_parts(one), moved))


def _parts(one: Coded) -> tuple[Array, Array, str]:
    return one.params.scale, one.params.zero_point, one.params.dtype


def _columns(right: Coded) -> Array:
    """The scale of the right operand, which goes along its last axis."""
    scale = along(right.params.scale, right.params, right.codes)
    return scale if scale.ndim == 0 else np.asarray(scale.reshape(-1))


def _lost(left: Array, right: Array, shape: tuple[int, ...]) -> Array:
    batch = shape[:-2]
    left = np.broadcast_to(left, (*batch, *left.shape[-2:]))
    right = np.broadcast_to(right, (*batch, *right.shape[-2:]))
    lost = np.zeros(shape, np.int64)
    for index in np.ndindex(*batch):

        def column(k: int, own: Array = left[index]) -> Array:
            return own[:, k] if k < own.shape[1] else np.zeros(own.shape[0], np.int32)

        lost[index] = cut_off(column, right[index].T).T
    return lost
