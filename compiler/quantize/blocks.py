"""Four-bit codes for a matrix [K, N], in blocks along K: a step and a zero point for each.

    w ~ s * (q - z)        q, z in -8..7        s and z for `block` rows of one column

Two grids are tried for every block: around zero (z = 0), and from its least number to its largest.
Each is tried narrower as well, for one outlier that is clipped may cost less than wide steps for
all the others. Then the step is fitted to the codes by least squares,

    s' = sum w (q - z) / sum (q - z)^2

and what leaves the least squared error is kept. Matrices are read in slabs: one may be larger than
the memory that is to spare.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mcompile.graph import room
from mcompile.types import Array

LOW, HIGH = -8, 7
_SHRINK = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7)
_SMALLEST = np.float32(1e-12)
_SLAB = 1 << 18


def fit(weight: Array, block: int) -> tuple[Array, Array]:
    """The steps (float32) and zero points (int8) of a float32 matrix, [ceil(K / block), N] each."""
    shape = (-(-weight.shape[0] // block), weight.shape[1])
    scale, zero = room(shape, np.dtype(np.float32)), np.empty(shape, np.int8)
    for rows, columns in _slabs(weight, block):
        found = _fitted(_blocks(weight[rows, columns], block))
        places = slice(rows.start // block, -(-rows.stop // block))
        scale[places, columns], zero[places, columns] = found
    return scale, zero


def plain(weight: Array, block: int) -> tuple[Array, Array]:
    """Steps that reach from zero to the largest number of each block, and zero points of zero."""
    parts = _blocks(weight, block)
    scale, zero = _even(parts.min(axis=1), parts.max(axis=1))
    return scale, zero.astype(np.int8)


def encode(weight: Array, scale: Array, zero: Array, block: int) -> Array:
    """The codes [K, N] of the matrix, in int8, each the nearest that its block has."""
    codes = room(weight.shape, np.dtype(np.int8))
    for rows, columns in _slabs(weight, block):
        part = weight[rows, columns]
        places = slice(rows.start // block, -(-rows.stop // block))
        steps = np.repeat(scale[places, columns], block, axis=0)[: len(part)]
        middle = np.repeat(zero[places, columns], block, axis=0)[: len(part)]
        codes[rows, columns] = np.clip(np.rint(part / steps) + middle, LOW, HIGH)
    return codes


def _slabs(weight: Array, block: int) -> Iterator[tuple[slice, slice]]:
    """Parts of whole blocks, each a stretch of the matrix as it lies in memory."""
    rows, columns = weight.shape
    if weight.flags.c_contiguous:
        step = max(block, _SLAB // max(1, columns) // block * block)
        for start in range(0, rows, step):
            yield slice(start, min(start + step, rows)), slice(0, columns)
        return
    step = max(1, _SLAB // max(1, rows))
    for start in range(0, columns, step):
        yield slice(0, rows), slice(start, min(start + step, columns))


def _blocks(part: Array, block: int) -> Array:
    """[blocks, block, columns]; the last block is filled up with zeros, which every grid holds."""
    missing = -len(part) % block
    full = np.pad(part, ((0, missing), (0, 0))) if missing else part
    return np.ascontiguousarray(full, np.float32).reshape(-1, block, part.shape[1])


def _fitted(parts: Array) -> tuple[Array, Array]:
    low, high = np.minimum(parts.min(axis=1), 0), np.maximum(parts.max(axis=1), 0)
    scale, zero = _even(low, high)
    least = _error(parts, scale, zero)
    for grid in (_even, _skew):
        for shrink in _SHRINK:
            tried = grid(low * np.float32(shrink), high * np.float32(shrink))
            found = _error(parts, *tried)
            better = found < least
            least = np.where(better, found, least)
            scale, zero = np.where(better, tried[0], scale), np.where(better, tried[1], zero)
    closer = _least_squares(parts, scale, zero)
    scale = np.where(_error(parts, closer, zero) < least, closer, scale)
    return scale, zero.astype(np.int8)


def _even(low: Array, high: Array) -> tuple[Array, Array]:
    scale = np.maximum(np.maximum(high / HIGH, low / LOW), _SMALLEST).astype(np.float32)
    return scale, np.zeros(scale.shape, np.float32)


def _skew(low: Array, high: Array) -> tuple[Array, Array]:
    scale = np.maximum((high - low) / (HIGH - LOW), _SMALLEST).astype(np.float32)
    return scale, np.clip(np.rint(LOW - low / scale), LOW, HIGH).astype(np.float32)


def _steps(parts: Array, scale: Array, zero: Array) -> Array:
    """How many steps from zero each number is taken to be."""
    steps = parts / scale[:, None]
    np.rint(steps, out=steps)
    return np.clip(steps, (LOW - zero)[:, None], (HIGH - zero)[:, None], out=steps)


def _error(parts: Array, scale: Array, zero: Array) -> Array:
    """The squared error of every block, [blocks, columns]."""
    lost = _steps(parts, scale, zero)
    lost *= scale[:, None]
    lost -= parts
    return np.asarray(np.einsum("kbn,kbn->kn", lost, lost))


def _least_squares(parts: Array, scale: Array, zero: Array) -> Array:
    steps = _steps(parts, scale, zero)
    above = np.einsum("kbn,kbn->kn", parts, steps)
    below = np.einsum("kbn,kbn->kn", steps, steps)
    return np.where(above > 0, above / np.maximum(below, 1), scale).astype(np.float32)
