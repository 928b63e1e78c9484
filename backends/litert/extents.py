"""Sizes as the file computes them: constants, but for one that the caller may change.

    [n, 1, 192]  ->  CONCATENATION of n, which is an entry of the SHAPE of an input, and a constant

The runtime works these out when it allocates, so that what they shape is known before it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from mcompile.backends.litert.draft import Draft, Tensor
from mcompile.types import Array

_INT32 = 2
"""In the schema's `TensorType`."""


def extents(draft: Draft, sizes: Sequence[int]) -> Tensor:
    """The sizes, int32[len(sizes)], those that are multiples of the stand-in computed."""
    parts = []
    for free, run in groupby(sizes, draft.is_free):
        given = list(run)
        if free:
            parts += [_computed(draft, size) for size in given]
        else:
            parts.append(draft.constant("sizes", np.array(given, np.int32)))
    if len(parts) == 1:
        return parts[0]
    made = draft.tensor("sizes", (len(sizes),), "int32")
    draft.emit("CONCATENATION", parts, [made], "ConcatenationOptions", axis=0)
    return made


def extent(draft: Draft, size: int) -> Tensor:
    """One size as a scalar, int32."""
    if not draft.is_free(size):
        return draft.constant("size", np.array(size, np.int32))
    return _picked(draft, _computed(draft, size), np.array(0, np.int32))


def _computed(draft: Draft, size: int) -> Tensor:
    """A multiple of the free size, int32[1]."""
    if size not in draft.extents:
        draft.extents[size] = _multiple(draft, size // draft.stand_in)
    return draft.extents[size]


def _multiple(draft: Draft, count: int) -> Tensor:
    if count == 1:
        port = next(t for t in draft.tensors if draft.stand_in in t.shape)  # inputs are the first
        shape = draft.tensor("shape", (len(port.shape),), "int32")
        draft.emit("SHAPE", [port], [shape], "ShapeOptions", outType=_INT32)
        place = port.shape.index(draft.stand_in)
        return _picked(draft, shape, np.array([place], np.int32))
    made = draft.tensor("size", (1,), "int32")
    factor = draft.constant("count", np.array([count], np.int32))
    draft.emit("MUL", [_computed(draft, draft.stand_in), factor], [made], "MulOptions")
    return made


def _picked(draft: Draft, sizes: Tensor, place: Array) -> Tensor:
    made = draft.tensor("size", place.shape, "int32")
    draft.emit("GATHER", [sizes, draft.constant("place", place)], [made], "GatherOptions", axis=0)
    return made
