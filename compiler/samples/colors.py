"""Two signs that a picture's numbers lie in another order than its axes say.

In photographs red exceeds blue on average and the upper part is the bluer one; neighbours in a
row differ less the nearer they are.
"""

from __future__ import annotations

import numpy as np

from mcompile.types import Array


def warmth(picture: Array) -> tuple[float, float]:
    """Red above blue, and by how much more so in the upper half than in the lower, over contrast.

    Of a picture of three channels x rows x columns.
    """
    apart = picture[0] - picture[2]
    middle = len(apart) // 2
    contrast = float(picture[:, ::4, ::4].std()) or 1.0
    return (
        float(apart.mean()) / contrast,
        float(apart[:middle].mean() - apart[-middle:].mean()) / contrast,
    )


def surety(values: Array) -> float:
    """The mean over its standard error (Student's t); 0 where nothing can be said."""
    if len(values) < 3:
        return 0.0
    error = float(np.std(values, ddof=1)) / len(values) ** 0.5
    return float(np.mean(values)) / error if error > 0 else 0.0


def steps(runs: Array) -> Array:
    """Mean absolute differences in numbers as they lie in memory, cut into runs of a row each.

    Between neighbours, starting at places 0, 1 and 2 modulo 3, then between every third.
    """
    apart = np.abs(np.diff(runs))
    sums, counts = np.zeros(3), np.zeros(3)
    for row in range(3):
        for column in range(3):
            part = apart[row::3, column::3]
            place = (row * runs.shape[1] + column) % 3
            sums[place] += part.sum()
            counts[place] += part.size
    third = np.abs(runs[:, 3:] - runs[:, :-3]).mean()
    return np.array([*(sums / np.maximum(counts, 1)), third])


def interleaved(told: Array) -> bool:
    """Whether numbers with those `steps` are pixels, three colours each, and not planes.

    Colours differ more than neighbouring pixels do or, in grey pictures, not at all.
    """
    low, middle, high = np.sort(told[:3])
    within_a_pixel = middle < 0.4 * high
    return bool(within_a_pixel or told[3] < 0.75 * (low + middle + high) / 3)


def planar(told: Array) -> bool:
    """Whether they are planes: every neighbour is as near as any other, a third one farther."""
    neighbours = told[:3]
    even = neighbours.max() < 1.2 * neighbours.min()
    return bool(even and told[3] > 1.1 * neighbours.mean())
