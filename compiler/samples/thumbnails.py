"""Small likenesses of samples, by which one that was merely touched up is recognized."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcompile.types import Array

SIDE = 16
_SAME = 0.9995
_FLAT = 1e-6


def of_picture(picture: Array) -> Array:
    """The brightness of a picture (channels x rows x columns) in 16 x 16 fields, flattened."""
    grey = picture.mean(0)
    for axis in (0, 1):
        bounds = np.linspace(0, grey.shape[axis], min(SIDE, grey.shape[axis]) + 1).astype(int)
        sizes = np.diff(bounds)
        sums = np.add.reduceat(grey, bounds[:-1], axis=axis)
        grey = sums / (sizes[:, None] if axis == 0 else sizes)
    return np.asarray(grey.ravel(), np.float32)


def of_signal(values: Array) -> Array:
    """As many values of any tensor, evenly spaced."""
    places = np.linspace(0, values.size - 1, min(SIDE * SIDE, values.size)).astype(int)
    return np.asarray(values.ravel()[places], np.float32)


def alike(likenesses: Sequence[Array]) -> Array:
    """For each of them, whether an earlier one differs from it in brightness and contrast alone.

    Flat ones are never alike: nothing is left of them to compare.
    """
    size = max((len(t) for t in likenesses), default=0)
    whole = np.array([len(t) == size for t in likenesses], bool)
    table = np.zeros((len(likenesses), size))
    for row, given in zip(table, likenesses, strict=True):
        row[: len(given)] = given - np.mean(given, dtype=np.float64)
    length = np.linalg.norm(table, axis=1)
    usable = whole & (length > _FLAT * max(float(length.max(initial=0)), 1e-30))
    table[usable] /= length[usable, None]
    table[~usable] = 0
    found = np.zeros(len(table), bool)
    for start in range(0, len(table), 256):
        rows = slice(start, start + 256)
        close = table[rows] @ table.T > _SAME
        found[rows] = np.tril(close, start - 1).any(1)
    return found
