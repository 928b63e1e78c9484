"""Operators that move numbers and compute none: around, cut, picked, joined.

All keep the type and scale of what they read, so they serve floats and integers alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcompile.backends.litert.draft import FREE, Tensor
from mcompile.backends.litert.layout import Order
from mcompile.backends.litert.values import Held
from mcompile.backends.litert.walk import Walk

Pads = Sequence[tuple[int, int]]


def around(walk: Walk, source: Tensor, pads: Pads, filling: float = 0.0) -> Tensor:
    """The tensor with a number around it; the lowest code stands for what is below the range."""
    if not any(any(p) for p in pads):
        return source
    shape = [n + sum(p) for n, p in zip(source.shape, pads, strict=True)]
    made = walk.scratch(source, shape)
    widths = walk.draft.constant("pads", np.array(pads, np.int32))
    code = _code(source, filling)
    if code == (source.quant.zero_point[0] if source.quant else 0):
        walk.draft.emit("PAD", [source, widths], [made], "PadOptions")
        return made
    number = walk.draft.constant("filling", np.array([code], source.dtype), source.quant)
    walk.draft.emit("PADV2", [source, widths, number], [made], "PadV2Options")
    return made


def _code(tensor: Tensor, number: float) -> float:
    """What stands for a number in the tensor: itself, or the nearest code."""
    if tensor.dtype in ("float32", "float16", "bool"):
        return number
    ends = np.iinfo(tensor.dtype)
    if tensor.quant is not None:
        number = np.float32(number) / np.float32(tensor.quant.scale[0])
        number = float(np.rint(number)) + tensor.quant.zero_point[0]
    return int(min(max(number, ends.min), ends.max))


def cut(walk: Walk, source: Tensor, begin: Sequence[int], size: Sequence[int]) -> Tensor:
    """A block of the tensor: `size` entries from `begin` along each axis."""
    if tuple(size) == source.shape:
        return source
    made = walk.scratch(source, size)
    sizes = [FREE if walk.draft.is_free(n) else n for n in size]
    bounds = [
        walk.draft.constant("begin", np.array(begin, np.int32)),
        walk.draft.constant("size", np.array(sizes, np.int32)),
    ]
    walk.draft.emit("SLICE", [source, *bounds], [made], "SliceOptions")
    return made


def piece(walk: Walk, source: Tensor, axis: int, run: tuple[int, int]) -> Tensor:
    """The entries from the first to before the second number of `run` along one axis."""
    begin, size = [0] * len(source.shape), list(source.shape)
    begin[axis], size[axis] = run[0], run[1] - run[0]
    return cut(walk, source, begin, size)


def stepped(walk: Walk, source: Tensor, axis: int, run: range) -> Tensor:
    """The entries of an axis at equal distances."""
    if run.step == 1:
        return piece(walk, source, axis, (run.start, run.stop))
    rank = len(source.shape)
    shape = (*source.shape[:axis], len(run), *source.shape[axis + 1 :])
    ends = [[0] * rank, [0] * rank, [1] * rank]
    for values, value in zip(ends, (run.start, run[-1] + 1, run.step), strict=True):
        values[axis] = value
    bounds = [walk.draft.constant("bounds", np.array(v, np.int32)) for v in ends]
    others = (1 << rank) - 1 - (1 << axis)
    made = walk.scratch(source, shape)
    walk.draft.emit("STRIDED_SLICE", [source, *bounds], [made], "StridedSliceOptions",
                    beginMask=others, endMask=others)  # fmt: skip
    return made


def picked(walk: Walk, source: Tensor, axis: int, places: Sequence[int]) -> Tensor:
    """The entries of an axis at these places, which may repeat."""
    first, count = int(places[0]), len(places)
    if list(places) == list(range(first, first + count)):
        return piece(walk, source, axis, (first, first + count))
    made = walk.scratch(source, (*source.shape[:axis], count, *source.shape[axis + 1 :]))
    which = walk.draft.constant("places", np.array(places, np.int32))
    walk.draft.emit("GATHER", [source, which], [made], "GatherOptions", axis=axis)
    return made


def joined(walk: Walk, parts: Sequence[Tensor], axis: int) -> Tensor:
    """The tensors one behind the other along an axis."""
    if len(parts) == 1:
        return parts[0]
    shape = list(parts[0].shape)
    shape[axis] = sum(p.shape[axis] for p in parts)
    made = walk.scratch(parts[0], shape)
    walk.draft.emit("CONCATENATION", parts, [made], "ConcatenationOptions", axis=axis)
    return made


def seen_as(walk: Walk, source: Tensor, shape: Sequence[int]) -> Tensor:
    """The same memory in another shape."""
    if tuple(shape) == source.shape:
        return source
    made = walk.scratch(source, shape)
    walk.draft.reshape(source, made)
    return made


def hand_on(walk: Walk, tensor: Tensor, order: Order) -> None:
    """Let the node's output be what the last of several operators made, under its own name."""
    name, _, is_step = tensor.name.rpartition(".step")
    walk.same(Held(tensor, order), order)
    mine = walk.quant() in (None, tensor.quant)
    if is_step is not None and name and mine and tensor.shape == _shape(walk, order):
        walk.draft.rename(tensor, walk.title())


def _shape(walk: Walk, order: Order) -> tuple[int, ...]:
    shape = walk.shape(walk.place.node.outputs[0])
    return tuple(shape[a] for a in order)
