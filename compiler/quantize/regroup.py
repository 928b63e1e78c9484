"""What becomes of the lane of each element where a tensor is transposed or given another shape.

Lanes are an array of the tensor's rank with a size of one along every axis where they do not
differ. Dimensions that are only known when the model runs may stand beside channels, not be merged
with them: each must have the same number of elements before it on either side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mcompile.graph import dims
from mcompile.types import Array, Dim

_LARGEST = 1 << 24


def regrouped(node: ir.Node, ids: Array, *, forward: bool) -> Array | None:
    """The lanes on the other side of a node that moves values; None where they cannot be told."""
    if node.op_type == "Transpose":
        order = [int(k) for k in node.attributes.get_ints("perm", range(ids.ndim)[::-1])]
        return np.asarray(ids.transpose(order if forward else np.argsort(order)))
    source = node.inputs[0]
    before, after = (dims(source) if source is not None else None), dims(node.outputs[0])
    if before is None or after is None:
        return None
    return reshaped(ids, *((before, after) if forward else (after, before)))


def reshaped(ids: Array, before: Sequence[Dim], after: Sequence[Dim]) -> Array | None:
    """The lanes of a tensor of one shape in another; None where batches would mix with them."""
    if _unknown(before) != _unknown(after) or _size(before) != _size(after):
        return None
    if len(before) != ids.ndim or _size(before) > _LARGEST:
        return None
    whole = np.broadcast_to(ids, [d if isinstance(d, int) else 1 for d in before])
    return _narrowed(whole.reshape([d if isinstance(d, int) else 1 for d in after]))


def _size(shape: Sequence[Dim]) -> int:
    return int(np.prod([d for d in shape if isinstance(d, int)], dtype=np.int64))


def _unknown(shape: Sequence[Dim]) -> list[tuple[Dim, int]]:
    """The dimensions without a size, each with the number of elements before it."""
    return [(d, _size(shape[:k])) for k, d in enumerate(shape) if isinstance(d, str)]


def _narrowed(ids: Array) -> Array:
    """The same lanes with a size of one along every axis where they do not differ."""
    for axis in range(ids.ndim):
        first = ids.take([0], axis=axis)
        if (ids == first).all():
            ids = first
    return ids
