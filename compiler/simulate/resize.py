"""Linear Resize of codes in 10-bit fixed point, as TensorFlow Lite's integer kernel does it.

    y = round(sum over two rows, two columns of w_row * w_column * code / 2^20)

with weights in units of 1/1024 and halves away from zero. Source: the reference kernels of LiteRT.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mcompile.graph import array
from mcompile.simulate.fixed import shared
from mcompile.types import Array

_UNIT = 1 << 10
_PLACED = {"half_pixel", "align_corners", "asymmetric"}


def is_plain(node: ir.Node) -> bool:
    """Whether it is a linear Resize of rows and columns to sizes that are constant."""
    get = node.attributes.get_string
    known = get("mode", "nearest") == "linear" and _way(node) in _PLACED
    if not known or any(n in node.attributes for n in ("axes", "antialias")):
        return False
    data = node.inputs[0]
    rank = data.shape.rank() if data is not None and data.shape is not None else 0
    if rank != 4 or get("keep_aspect_ratio_policy", "stretch") != "stretch":
        return False
    factors, sizes = _asked(node)
    if factors is not None and factors.size:
        return bool((factors[:2] == 1).all())
    return sizes is not None and sizes.size == 4


def resize(node: ir.Node, codes: Array) -> Array:
    """The codes of [batch, channels, rows, columns], resized."""
    factors, sizes = _asked(node)
    wanted = [int(s) for s in sizes] if sizes is not None and sizes.size else []
    if factors is not None and factors.size:
        wanted = [int(n * f) for n, f in zip(codes.shape, factors, strict=True)]
    data = codes.astype(np.int64)
    for axis in (2, 3):
        data = _along(data, axis, wanted[axis], _way(node))
    return shared(data, _UNIT * _UNIT).astype(codes.dtype)


def _along(data: Array, axis: int, size: int, way: str) -> Array:
    """The data resized along one axis, 1024 times as large."""
    length = data.shape[axis]
    step = (_UNIT * length + size // 2) // size
    if way == "align_corners" and size > 1:
        step = (_UNIT * (length - 1) + (size - 1) // 2) // (size - 1)
    at = np.arange(size, dtype=np.int64) * step
    if way == "half_pixel":
        at += step // 2 - _UNIT // 2
    low = np.maximum(at // _UNIT, 0)
    high = np.minimum((at + _UNIT - 1) // _UNIT, length - 1)
    weight = (at - _UNIT * low).reshape([-1] + [1] * (data.ndim - 1 - axis))
    first, second = np.take(data, low, axis), np.take(data, high, axis)
    return np.asarray(first * (_UNIT - weight) + second * weight)


def _way(node: ir.Node) -> str:
    return node.attributes.get_string("coordinate_transformation_mode", "half_pixel")


def _asked(node: ir.Node) -> Sequence[Array | None]:
    """The factors and the sizes that the node asks for, where they are constant."""
    given = [*node.inputs, None, None, None]
    return array(given[2]), array(given[3])
