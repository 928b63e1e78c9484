"""Averages over windows of which pads do not count.

What SAME pads is left out by AVERAGE_POOL_2D itself. Of other pads

    float     PAD, the pool, MUL by taps / taps inside, place by place
    integers  places at the border by pools of what is inside, and all joined: one rounding each

A dilated window is a depthwise convolution of ones, in float.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.moves import around, joined, piece, seen_as
from mcompile.backends.litert.padding import SAME, VALID, Window, padded, with_height
from mcompile.backends.litert.walk import Walk
from mcompile.types import Array

Pool = Callable[[Walk, Tensor, Window], Tensor]


def over_planes(walk: Walk, source: Tensor, window: Window, write: Pool) -> Tensor:
    """What a pool over two axes makes of one to three: N D H W C as N*D H W C, then N D H*W C."""
    if len(window.sizes) < 3:
        return write(walk, seen_as(walk, source, with_height(source.shape)), window.flat())
    batch, depth, high, wide, deep = source.shape
    flat = seen_as(walk, source, (batch * depth, high, wide, deep))
    planes = write(walk, flat, window.along(slice(1, 3)))
    high, wide = planes.shape[1:3]
    over = Window(
        (depth, high * wide), (window.kernel[0], 1), (window.strides[0], 1),
        (window.dilations[0], 1), (window.pads[0], (0, 0)),
    )  # fmt: skip
    made = write(walk, seen_as(walk, planes, (batch, depth, high * wide, deep)), over)
    return seen_as(walk, made, (batch, made.shape[1], high, wide, deep))


def pool(walk: Walk, kind: str, given: tuple[Tensor, int], window: Window) -> Tensor:
    """What a pool makes of a tensor that has its pads in it, or is padded by SAME."""
    source, padding = given
    sizes = [
        -(-n // s) if padding == SAME else (n - k) // s + 1
        for n, k, s in zip(source.shape[1:3], window.kernel, window.strides, strict=True)
    ]
    made = walk.scratch(source, (source.shape[0], *sizes, source.shape[3]))
    walk.draft.emit(
        kind, [source], [made], "Pool2DOptions", padding=padding,
        strideH=window.strides[0], strideW=window.strides[1],
        filterHeight=window.kernel[0], filterWidth=window.kernel[1],
    )  # fmt: skip
    return made


def average(walk: Walk, source: Tensor, window: Window) -> Tensor:
    """Averages over two axes of what lies inside the tensor."""
    if max(window.dilations) > 1:
        return _weighed(walk, _swept(walk, source, window, 1 / prod(window.kernel)), window)
    if not any(any(p) for p in window.pads) or window.pads == window.same():
        return pool(walk, "AVERAGE_POOL_2D", padded(walk, source, window), window)
    if source.quant is not None:
        return _by_borders(walk, source, window)
    wide, _ = padded(walk, source, window)
    return _weighed(walk, pool(walk, "AVERAGE_POOL_2D", (wide, VALID), window), window)


def summed(walk: Walk, source: Tensor, window: Window) -> Tensor:
    """Sums over two axes of a float tensor."""
    return _swept(walk, source, window, 1.0)


def _swept(walk: Walk, source: Tensor, window: Window, weight: float) -> Tensor:
    deep = source.shape[3]
    source = around(walk, source, ((0, 0), *window.pads, (0, 0)))
    every = zip(source.shape[1:3], window.reach, window.strides, strict=True)
    sizes = [(n - r) // s + 1 for n, r, s in every]
    made = walk.scratch(source, (source.shape[0], *sizes, deep))
    ones = np.full((1, *window.kernel, deep), weight, np.float32)
    inputs = [
        source, walk.draft.constant("ones", ones),
        walk.draft.constant("zeros", np.zeros(deep, np.float32)),
    ]  # fmt: skip
    walk.draft.emit("DEPTHWISE_CONV_2D", inputs, [made], "DepthwiseConv2DOptions",
                    depthMultiplier=1, **window.fields(VALID))  # fmt: skip
    return made


def _weighed(walk: Walk, source: Tensor, window: Window) -> Tensor:
    """Averages over all taps as those over the taps inside."""
    rows, columns = (_inside(window, axis, source.shape[axis + 1]) for axis in (0, 1))
    count = np.outer(rows, columns)
    if (count == prod(window.kernel)).all():
        return source
    if not count.all():
        raise walk.place.refused("a window that lies in its pads alone", "smaller pads")
    share = (prod(window.kernel) / count).astype(np.float32)[None, :, :, None]
    made = walk.scratch(source, source.shape)
    inputs = [source, walk.draft.constant("share", share)]
    walk.draft.emit("MUL", inputs, [made], "MulOptions", fusedActivationFunction=0)
    return made


def _inside(window: Window, axis: int, outputs: int) -> Array:
    """For each place of an axis, how many taps lie inside."""
    before, _ = window.pads[axis]
    starts = np.arange(outputs)[:, None] * window.strides[axis] - before
    taps = starts + np.arange(window.kernel[axis]) * window.dilations[axis]
    return np.asarray(((taps >= 0) & (taps < window.sizes[axis])).sum(axis=1))


def _by_borders(walk: Walk, source: Tensor, window: Window) -> Tensor:
    rows = []
    for top in _runs(walk, window, 0):
        band = piece(walk, source, 1, top[:2])
        row = []
        for side in _runs(walk, window, 1):
            part = piece(walk, band, 2, side[:2])
            sizes, kernel = (part.shape[1], part.shape[2]), (top[2], side[2])
            small = Window(sizes, kernel, window.strides, (1, 1), ((0, 0), (0, 0)))
            row.append(pool(walk, "AVERAGE_POOL_2D", (part, VALID), small))
        rows.append(joined(walk, row, 2))
    return joined(walk, rows, 1)


def _runs(walk: Walk, window: Window, axis: int) -> list[tuple[int, int, int]]:
    """What windows of one size read along an axis, from where to where, and that size."""
    size, taps, step = window.sizes[axis], window.kernel[axis], window.strides[axis]
    before, behind = window.pads[axis]
    starts = range(-before, size + behind - taps + 1, step)
    found: list[tuple[int, int, int]] = []
    for start in starts:
        first, last = max(start, 0), min(start + taps, size)
        if last <= first:
            raise walk.place.refused("a window that lies in its pads alone", "smaller pads")
        whole = last - first == taps
        if whole and found and found[-1][2] == taps:
            found[-1] = (found[-1][0], last, taps)
        else:
            found.append((first, last, last - first))
    return found
