"""How far apart two sets of numbers are, and how far apart they would be by chance.

The distance is the Jensen-Shannon divergence in bits: 0 for equal histograms, 1 for disjoint ones
(Lin 1991). Chance is judged by a permutation test over blocks of neighbours, because the crops of
one photo and the windows of one recording resemble each other without any defect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcompile.types import Array

LEVELS = 33
_BINS, _TAIL, _BLOCKS, _SHUFFLES, _SEED = 24, 0.005, 16, 199, 0


@dataclass(frozen=True)
class Distance:
    """The divergence of two sets, and the largest among random divisions of both together."""

    bits: float
    by_chance: float


def quantiles(values: Array) -> Array:
    """`LEVELS` values of each row, at evenly spaced ranks, in order."""
    ordered = np.sort(values, axis=-1)
    ranks = ((np.arange(LEVELS) + 0.5) / LEVELS * values.shape[-1]).astype(int)
    return np.asarray(ordered[..., ranks])


def jensen_shannon(one: Array, other: Array) -> float:
    """The divergence in bits, averaged over all leading axes; the last axis holds shares."""
    return float(np.mean(_divergence(one, other)))


def compare(one: Array, other: Array) -> Distance:
    """The distance of two sets of quantiles, samples x channels x `LEVELS`."""
    shares = np.concatenate([_blocks(h) for h in _histograms(one, other)])
    number = min(len(one), _BLOCKS)
    rng = np.random.default_rng(_SEED)
    orders = [np.arange(len(shares)), *(rng.permutation(len(shares)) for _ in range(_SHUFFLES))]
    picked = np.zeros((len(orders), len(shares)))
    for row, order in zip(picked, orders, strict=True):
        row[order[:number]] = 1
    flat = shares.reshape(len(shares), -1)
    first = picked @ flat / number
    second = (1 - picked) @ flat / (len(shares) - number)
    shape = (len(orders), *shares.shape[1:])
    bits = _divergence(first.reshape(shape), second.reshape(shape)).mean(-1)
    return Distance(float(bits[0]), float(bits[1:].max()))


def _histograms(one: Array, other: Array) -> tuple[Array, Array]:
    """A histogram of each sample and channel, over the range that holds nearly all of both."""
    made = []
    for channel in range(one.shape[1]):
        sets = [s[:, channel].astype(np.float64) for s in (one, other)]
        ends = np.array([np.quantile(s, (_TAIL, 1 - _TAIL)) for s in sets])
        low, high = ends[:, 0].min(), ends[:, 1].max()
        if low == high:
            low, high = min(s.min() for s in sets), max(s.max() for s in sets)
        made.append([_binned(s, low, high) for s in sets])
    first, second = (np.stack([pair[k] for pair in made], 1) for k in (0, 1))
    return first, second


def _binned(values: Array, low: float, high: float) -> Array:
    # A value counts for both bins it lies between: one that moves a little changes little,
    # so that another rounding of the same background is no other distribution.
    place = np.clip((values - low) / (high - low or 1.0), 0, 1) * (_BINS - 1)
    below = np.minimum(place.astype(int), _BINS - 2)
    row = _BINS * np.arange(len(values))[:, None]
    made = np.zeros(_BINS * len(values))
    for bins, share in ((below, below + 1 - place), (below + 1, place - below)):
        made += np.bincount((bins + row).ravel(), share.ravel(), len(made))
    return np.asarray(made.reshape(len(values), _BINS) / values.shape[-1])


def _blocks(shares: Array) -> Array:
    return np.stack([part.mean(0) for part in np.array_split(shares, min(len(shares), _BLOCKS))])


def _divergence(one: Array, other: Array) -> Array:
    middle = (one + other) / 2
    return np.asarray((_relative(one, middle) + _relative(other, middle)) / 2)


def _relative(share: Array, middle: Array) -> Array:
    ratio = np.divide(share, middle, out=np.ones_like(share), where=share > 0)
    return np.asarray((share * np.log2(ratio)).sum(-1))
