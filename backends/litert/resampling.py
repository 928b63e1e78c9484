"""Where the entries of a resized axis come from: as the standard says, and as the runtime does it.

A resized axis is  y[i] = sum over j of w[i, j] * x[j]; nearest has a single j for each i.
Coordinates are in float32, in ONNX Runtime's order of operations, and what is nearer to a half
than 1e-6 is a tie, so that each falls as there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcompile.types import Array

_F = np.float32
_UNIT = 1 << 10
_TIE = 1e-6


@dataclass(frozen=True)
class Axis:
    """An axis: its size before and after, the factor that was asked for, the part in view."""

    size: int
    made: int
    scale: float
    view: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Way:
    """How a node resizes, by its attributes."""

    mode: str
    placed: str
    nearest: str
    cubic: float
    inside: bool
    antialias: bool


def coordinates(axis: Axis, placed: str) -> Array:
    """The place in the old axis of each entry of the new one."""
    x, scale = np.arange(axis.made, dtype=_F), _F(axis.scale)
    found = (x + _F(0.5)) / scale - _F(0.5)
    if placed == "asymmetric":
        found = x / scale
    elif placed == "align_corners":
        found = x * _F(axis.size - 1) / _F(max(axis.made - 1, 1))
    elif placed == "tf_half_pixel_for_nn":
        found = (x + _F(0.5)) / scale
    elif placed == "pytorch_half_pixel" and axis.made == 1:
        found = x
    elif placed == "half_pixel_symmetric":
        share = _F(axis.made) / (scale * _F(axis.size))
        found = _F(axis.size / 2) * (_F(1) - share) + (x + _F(0.5)) / scale - _F(0.5)
    elif placed == "tf_crop_and_resize":
        first, last = (_F(v) * _F(axis.size - 1) for v in axis.view)
        steps = x / _F(axis.made - 1) if axis.made > 1 else x + _F(0.5)
        found = first + steps * (last - first)
    return np.asarray(found)


def nearest(axis: Axis, way: Way) -> Array:
    """The place that each entry is copied from."""
    at = coordinates(axis, way.placed).astype(np.float64)  # half of a step more is exact there
    if way.nearest == "floor":
        found = np.floor(at)
    elif way.nearest == "ceil":
        found = np.ceil(at)
    elif way.nearest == "round_prefer_ceil":
        found = np.floor(at + 0.5 + _TIE)
    else:
        found = np.ceil(at - 0.5 - _TIE)
    return np.asarray(np.clip(found, 0, axis.size - 1).astype(np.int64))


def outside(axis: Axis, way: Way) -> Array:
    """Which entries come from beyond the ends, where a crop says what stands there."""
    at = coordinates(axis, way.placed)
    crops = way.placed == "tf_crop_and_resize"
    return np.asarray(crops & ((at < 0) | (at > axis.size - 1)))


def weights(axis: Axis, way: Way) -> Array:
    """w[made, size] of a linear or cubic resize."""
    at = coordinates(axis, way.placed).astype(np.float64)
    shrink = min(axis.scale, 1.0) if way.antialias else 1.0
    reach = int(np.ceil((1 if way.mode == "linear" else 2) / shrink))
    base = np.floor(at)
    found = np.zeros((axis.made, axis.size))
    rows = np.arange(axis.made)
    for step in range(1 - reach, reach + 1):
        place = base + step
        share = _curve((place - at) * shrink, way)
        if way.inside:
            share = np.where((place < 0) | (place >= axis.size), 0, share)
        np.add.at(found, (rows, np.clip(place, 0, axis.size - 1).astype(int)), share)
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _curve(distance: Array, way: Way) -> Array:
    t = np.abs(distance)
    if way.mode == "linear":
        return np.asarray(np.maximum(1 - t, 0))
    a = way.cubic
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((t - 5) * t + 8) * t * a - 4 * a
    return np.asarray(np.where(t <= 1, near, np.where(t < 2, far, 0)))


FORMS = ((False, False), (False, True), (True, False))
"""What the runtime's resizers can be told: align_corners, half_pixel_centers."""


def copied(size: int, made: int, form: tuple[bool, bool]) -> list[Array]:
    """What RESIZE_NEAREST_NEIGHBOR copies from, by each of its kernels."""
    align, half = form
    at = (np.arange(made, dtype=_F) + _F(0.5 if half else 0)) * _step(size, made, align)
    found = np.floor(at.astype(np.float64) + 0.5) if align else np.floor(at)
    kernels = [np.minimum(found.astype(np.int64), size - 1)]
    if not align and not half:
        fixed = np.arange(made, dtype=np.int64) * ((size << 16) // made + 1) >> 16
        kernels.append(np.minimum(fixed, size - 1))
    return kernels


def mixed(size: int, made: int, form: tuple[bool, bool]) -> Array:
    """w[made, size] of RESIZE_BILINEAR in float."""
    align, half = form
    at = np.arange(made, dtype=_F)
    step = _step(size, made, align)
    at = (at + _F(0.5)) * step - _F(0.5) if half else at * step
    low = np.maximum(np.floor(at), 0)
    high = np.minimum(np.ceil(at), size - 1)
    return _between(size, (low, high), np.asarray(at - low, np.float64))


def mixed_fixed(size: int, made: int, form: tuple[bool, bool]) -> Array:
    """w[made, size] of RESIZE_BILINEAR on integers: the reference kernel's 10 bits."""
    align, half = form
    step = (_UNIT * size + made // 2) // made
    if align and made > 1:
        step = (_UNIT * (size - 1) + (made - 1) // 2) // (made - 1)
    at = np.arange(made, dtype=np.int64) * step
    if half:
        at += step // 2 - _UNIT // 2
    low = np.maximum(at // _UNIT, 0)
    high = np.minimum((at + _UNIT - 1) // _UNIT, size - 1)
    return _between(size, (low, high), (at - _UNIT * low) / _UNIT)


def _step(size: int, made: int, align: bool) -> np.float32:
    corners = align and made > 1
    step: np.float32 = _F(size - 1) / _F(made - 1) if corners else _F(size) / _F(made)
    return step


def _between(size: int, ends: tuple[Array, Array], share: Array) -> Array:
    low, high = (e.astype(int) for e in ends)
    rows, found = np.arange(len(low)), np.zeros((len(low), size))
    np.add.at(found, (rows, low), 1 - share)
    np.add.at(found, (rows, high), share)
    return found
