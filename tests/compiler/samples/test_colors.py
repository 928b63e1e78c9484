"""The order of numbers in memory, and of red and blue, shows in the numbers."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.samples.colors import interleaved, planar, steps, surety, warmth
from mcompile.types import Array


def scene(width: int, *, grey: bool = False) -> Array:
    """Planes of three colours that have nothing to do with each other, or are the same."""
    rng = np.random.default_rng(0)
    made = rng.standard_normal((3, 300, width)).cumsum(2)
    return np.repeat(made[:1], 3, 0) if grey else made


def naive(runs: Array) -> list[float]:
    sums: list[list[float]] = [[], [], [], []]
    flat, length = runs.ravel(), runs.shape[1]
    for k in range(len(flat) - 1):
        if (k + 1) % length:
            sums[k % 3].append(abs(flat[k + 1] - flat[k]))
        if k % length + 3 < length:
            sums[3].append(abs(flat[k + 3] - flat[k]))
    return [float(np.mean(part)) for part in sums]


@pytest.mark.parametrize("width", [9, 10, 11])
def test_steps_are_counted_by_their_place_in_memory(width: int) -> None:
    runs = np.random.default_rng(width).standard_normal((12, width))
    np.testing.assert_allclose(steps(runs), naive(runs))


@pytest.mark.parametrize("width", [24, 25, 26])
@pytest.mark.parametrize("grey", [False, True])
def test_planes_and_pixels_are_told_apart(width: int, grey: bool) -> None:
    planes = scene(width, grey=grey)
    in_planes = steps(planes.reshape(-1, width))
    in_pixels = steps(planes.transpose(1, 2, 0).reshape(-1, width))
    assert interleaved(in_pixels)
    assert not interleaved(in_planes)
    assert planar(in_planes)
    assert not planar(in_pixels)


def test_grids_of_three_columns_are_still_planes() -> None:
    columns = np.arange(24) % 3 == 0
    picture = scene(24) + 2 * columns
    assert not interleaved(steps(picture.reshape(-1, 24)))


def test_noise_lies_in_no_order() -> None:
    told = steps(np.random.default_rng(0).standard_normal((300, 40)))
    assert not interleaved(told)
    assert not planar(told)


def test_warmth_is_red_above_blue_and_its_fall_from_top_to_bottom() -> None:
    picture = np.zeros((3, 8, 8))
    picture[0, 4:], picture[2, :4] = 1, 1
    contrast = picture[:, ::4, ::4].std()
    assert warmth(picture) == pytest.approx((0, -2 / contrast))
    assert warmth(picture[::-1]) == pytest.approx((0, 2 / contrast))
    assert warmth(picture + 5)[1] == pytest.approx(-2 / contrast)
    assert warmth(np.zeros((3, 8, 8))) == (0, 0)


def test_surety_is_students_t() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    assert surety(values) == pytest.approx(2.5 / (np.std(values, ddof=1) / 2))
    assert surety(-values) == -surety(values)
    assert surety(values[:2]) == surety(np.ones(9)) == 0
