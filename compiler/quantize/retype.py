"""Constants in another float type, rounded to nearest, however large they are.

Numbers beyond the range of the type become its ends, infinities stay. Large tensors are read and
written slab by slab, into a file that is mapped, and only when somebody asks for them.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import onnx_ir as ir

from mcompile.graph import MAPPED_ABOVE, room, sizes
from mcompile.quantize.guards import FORMATS
from mcompile.types import Array

_SLAB = 1 << 22


def stored(tensor: ir.TensorProtocol, dtype: ir.DataType) -> ir.TensorProtocol:
    """The tensor in another float type: at once where it is small, else whenever it is read."""
    size = int(np.prod(tensor.shape.numpy(), dtype=np.int64)) * int(dtype.itemsize)
    if size < MAPPED_ABOVE:
        return ir.tensor(_converted(tensor, dtype), name=tensor.name)
    later = partial(_later, tensor, dtype)
    return ir.LazyTensor(later, dtype, sizes(tensor), name=tensor.name)


def _later(tensor: ir.TensorProtocol, dtype: ir.DataType) -> ir.TensorProtocol:
    return ir.tensor(_converted(tensor, dtype), name=tensor.name)


def _converted(tensor: ir.TensorProtocol, dtype: ir.DataType) -> Array:
    data = tensor.numpy()
    made = room(data.shape, np.dtype(dtype.numpy()))
    source, target = data.reshape(-1), made.reshape(-1)
    for start in range(0, source.size, _SLAB):
        part = slice(start, start + _SLAB)
        with np.errstate(over="ignore"):
            target[part] = source[part].astype(made.dtype)
        _clamp(source[part], target[part], dtype)
    return made


def _clamp(source: Array, target: Array, dtype: ir.DataType) -> None:
    if dtype not in FORMATS:
        return
    lost = ~np.isfinite(target) & np.isfinite(source)
    if lost.any():
        ends = np.where(source[lost] > 0, FORMATS[dtype].largest, -FORMATS[dtype].largest)
        target[lost] = ends.astype(target.dtype)
