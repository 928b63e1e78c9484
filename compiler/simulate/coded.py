"""Integers beside the scale and zero point that they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile.graph import array, integer
from mcompile.types import Array, QParams

_LEVELS = {"uint8", "int8", "uint16", "int16", "int32"}


@dataclass(frozen=True)
class Coded:
    """real = scale * (code - zero_point)"""

    codes: Array
    params: QParams

    def centered(self) -> Array:
        """The codes less the zero point, as int64."""
        return self.codes.astype(np.int64) - along(self.params.zero_point, self.params, self.codes)

    def real(self) -> Array:
        """What the codes stand for, as float32."""
        scale = along(self.params.scale, self.params, self.codes)
        return np.asarray(self.centered().astype(np.float32) * scale)


def along(vector: Array, params: QParams, codes: Array) -> Array:
    """A scale or zero point, shaped so that it goes along its axis of the codes."""
    wide = vector if vector.dtype.kind == "f" else vector.astype(np.int64)
    if params.axis is None:
        return wide
    shape = [1] * codes.ndim
    shape[params.axis] = -1
    return wide.reshape(shape)


def saturated(codes: Array, params: QParams, low: float, high: float) -> Array:
    """Codes held within their type and within the real numbers `low` and `high`."""
    ends = np.iinfo(params.dtype)
    bottom, top = int(ends.min), int(ends.max)
    scale, zero = float(params.scale), int(params.zero_point)
    if np.isfinite(low):
        bottom = int(np.clip(np.rint(low / scale) + zero, bottom, top))
    if np.isfinite(high):
        top = int(np.clip(np.rint(high / scale) + zero, bottom, top))
    return np.asarray(np.clip(codes, bottom, top).astype(params.dtype))


def params_of(node: ir.Node) -> QParams | None:
    """What a Q or DQ node stands for, where it is constant and in blocks of a whole axis."""
    scale = array(node.inputs[1])
    given = len(node.inputs) > 2 and node.inputs[2] is not None
    zero = array(node.inputs[2]) if given else np.zeros((), _bare(node))
    if scale is None or zero is None or scale.dtype != np.float32 or scale.ndim > 1:
        return None
    if zero.dtype.name not in _LEVELS or integer(node, "block_size", 0):
        return None
    if scale.size == 1:
        return QParams(scale.reshape(()), zero.reshape(-1)[0], zero.dtype.name)
    axis = integer(node, "axis", 1)
    if axis < 0:
        data = node.inputs[0]
        if data is None or data.shape is None:
            return None
        axis += data.shape.rank()
    return QParams(scale, np.broadcast_to(zero, scale.shape), zero.dtype.name, axis)


def _bare(node: ir.Node) -> str:
    """The type of codes whose zero point is left out."""
    value = node.outputs[0] if node.op_type == "QuantizeLinear" else node.inputs[0]
    if node.op_type == "QuantizeLinear" and not integer(node, "output_dtype", 0):
        return "uint8"
    return str(value.dtype.numpy()) if value is not None and value.dtype is not None else "uint8"
