"""Indices as the runtime's kernels want them: counted from the front, one coordinate an axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.layout import Order
from mcompile.backends.litert.walk import Walk
from mcompile.types import Array

_POSITIVE = frozenset({"ArgMax", "ArgMin", "NonZero", "Shape", "Size", "TopK"})


def counted(walk: Walk, value: ir.Value | None, size: int, order: Order | None = None) -> Tensor:
    """Indices along an axis of that size, all counted from its front."""
    constant = walk.constant(value)
    if constant is not None:
        data = within(walk, constant.data, size)
        data = data if order is None or not data.ndim else data.transpose(order)
        return walk.draft.constant(constant.name, np.ascontiguousarray(data))
    tensor = walk.read(value, order)
    if tensor.dtype not in ("int32", "int64"):
        tensor = _integers(walk, tensor)
    return tensor if _is_positive(value) else _from_the_front(walk, tensor, np.array(size))


def within(walk: Walk, data: Array, size: int) -> Array:
    """Constant indices along an axis of that size, counted from its front."""
    return _inside(walk, data, np.array(size))


def coordinates(walk: Walk, value: ir.Value | None, shape: Sequence[int], batch: int = 0) -> Tensor:
    """Rows of coordinates for GATHER_ND and SCATTER_ND; `batch` axes are counted through."""
    limits = np.array(shape[batch : batch + walk.shape(value)[-1]])
    constant = walk.constant(value)
    if constant is not None:
        data = _inside(walk, constant.data, limits)
        return walk.draft.constant(constant.name, _batched(data, batch))
    tensor = _integers(walk, walk.read(value))
    tensor = tensor if _is_positive(value) else _from_the_front(walk, tensor, limits)
    return tensor if not batch else joined(walk, [*_grids(walk, tensor.shape[:-1], batch), tensor])


def elements(walk: Walk, value: ir.Value | None, axis: int, size: int) -> Tensor:
    """Rows of coordinates of every entry that ScatterElements writes along an axis."""
    constant, shape = walk.constant(value), walk.shape(value)
    if constant is not None:
        grid = list(np.indices(shape))
        grid[axis] = _inside(walk, constant.data, np.array(size))
        return walk.draft.constant(constant.name, np.stack(grid, -1).astype(np.int32))
    along = _integers(walk, walk.read(value))
    if not _is_positive(value):
        along = _from_the_front(walk, along, np.array(size))
    column = walk.scratch(along, (*shape, 1))
    walk.draft.reshape(along, column)
    if len(shape) == 1:
        return column
    columns: list[Tensor] = [column if a == axis else g for a, g in
                             enumerate(_grids(walk, shape, len(shape)))]  # fmt: skip
    return joined(walk, columns)


def joined(walk: Walk, columns: Sequence[Tensor]) -> Tensor:
    """Columns of coordinates side by side."""
    width = sum(c.shape[-1] for c in columns)
    made = walk.scratch(columns[-1], (*columns[0].shape[:-1], width), dtype="int32", quant=None)
    axis = len(made.shape) - 1
    walk.draft.emit("CONCATENATION", columns, [made], "ConcatenationOptions", axis=axis)
    return made


def _inside(walk: Walk, data: Array, limits: Array) -> Array:
    if (data < -limits).any() or (data >= limits).any():
        raise walk.place.refused("an index is outside of the value")
    return np.where(data < 0, data + limits, data).astype(np.int32)


def _batched(data: Array, batch: int) -> Array:
    grids = np.indices(data.shape[:-1])[:batch]
    return np.concatenate([*(g[..., None] for g in grids), data], -1).astype(np.int32)


def _grids(walk: Walk, shape: Sequence[int], count: int) -> list[Tensor]:
    if any(walk.draft.is_free(n) for n in shape):
        raise walk.place.refused("its indices count through a size that is free")
    grids = np.indices(tuple(shape))[:count].astype(np.int32)
    return [walk.draft.constant("grid", np.ascontiguousarray(g[..., None])) for g in grids]


def _integers(walk: Walk, tensor: Tensor) -> Tensor:
    """The indices as int32: all kernels take them, and no tensor has more entries on an axis."""
    if tensor.dtype == "int32":
        return tensor
    made = walk.scratch(tensor, tensor.shape, dtype="int32", quant=None)
    walk.draft.emit("CAST", [tensor], [made], "CastOptions")
    return made


def _is_positive(value: ir.Value | None) -> bool:
    maker = value.producer() if value is not None else None
    while maker is not None and maker.op_type in ("Cast", "Reshape", "Squeeze", "Unsqueeze"):
        before = maker.inputs[0]
        maker = before.producer() if before is not None else None
    return maker is not None and maker.op_type in _POSITIVE


def _from_the_front(walk: Walk, tensor: Tensor, limits: Array) -> Tensor:
    """index < 0 ? index + limit : index"""
    zero = walk.draft.constant("zero", np.array(0, tensor.dtype))
    limit = walk.draft.constant("limit", limits.astype(tensor.dtype))
    below = walk.scratch(tensor, tensor.shape, dtype="bool", quant=None)
    shifted, made = walk.scratch(tensor, tensor.shape), walk.scratch(tensor, tensor.shape)
    walk.draft.emit("LESS", [tensor, zero], [below], "LessOptions")
    walk.draft.emit("ADD", [tensor, limit], [shifted], "AddOptions")
    walk.draft.emit("SELECT_V2", [below, shifted, tensor], [made], "SelectV2Options")
    return made
