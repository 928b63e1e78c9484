"""Averages of which pads do not count, beside numpy."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.averages import average, over_planes, summed
from mcompile.backends.litert.padding import Window
from mcompile.errors import LoweringError

from .desk import Desk

CODES = np.random.default_rng(2).integers(-128, 128, (1, 6, 7, 2)).astype(np.int8)
WINDOWS = {
    "none": Window((6, 7), (2, 3), (1, 2), (1, 1), ((0, 0), (0, 0))),
    "same": Window((6, 7), (3, 3), (1, 1), (1, 1), ((1, 1), (1, 1))),
    "uneven": Window((6, 7), (3, 2), (2, 1), (1, 1), ((2, 1), (0, 1))),
}


def averaged(x, window, sums=False):
    """Means (or sums) of what each window has inside."""
    rows, columns = (
        [range(b + a * s, b + a * s + (k - 1) * d + 1, d) for a in range((n - b + e - r) // s + 1)]
        for n, k, s, d, (b, e), r in (
            (n, k, s, d, (-p[0], p[1]), r)
            for n, k, s, d, p, r in zip(window.sizes, window.kernel, window.strides,
                                        window.dilations, window.pads, window.reach, strict=True)
        )
    )  # fmt: skip
    made = np.zeros((1, len(rows), len(columns), x.shape[3]))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            high = [a for a in row if 0 <= a < x.shape[1]]
            wide = [a for a in column if 0 <= a < x.shape[2]]
            block = x[0][np.ix_(high, wide)].astype(np.float64)
            made[0, i, j] = block.sum((0, 1)) if sums else block.mean((0, 1))
    return made


@pytest.mark.parametrize("name", WINDOWS)
def test_floats(name):
    desk, x = Desk(), CODES.astype(np.float32)
    found = desk.run(average(desk.walk, desk.tensor(x), WINDOWS[name]))
    np.testing.assert_allclose(found, averaged(x, WINDOWS[name]), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", WINDOWS)
def test_codes_are_rounded_once(name):
    desk = Desk()
    found = desk.run(average(desk.walk, desk.tensor(CODES, 0.5, 3), WINDOWS[name]))
    assert np.abs(found - averaged(CODES, WINDOWS[name])).max() <= 0.5 + 1e-6


def test_spread_windows_and_sums():
    spread = Window((6, 7), (2, 2), (1, 1), (3, 2), ((1, 0), (0, 1)))
    x = CODES.astype(np.float32)
    for write, sums in ((average, False), (summed, True)):
        desk = Desk()
        found = desk.run(write(desk.walk, desk.tensor(x), spread))
        np.testing.assert_allclose(found, averaged(x, spread, sums), rtol=1e-5, atol=1e-3)


def test_three_axes_are_two_and_then_one():
    x = np.random.default_rng(3).standard_normal((2, 4, 4, 6, 3)).astype(np.float32)
    window = Window((4, 4, 6), (2, 2, 3), (2, 2, 3), (1, 1, 1), ((0, 0),) * 3)
    desk = Desk()
    found = desk.run(over_planes(desk.walk, desk.tensor(x), window, average))
    wanted = x.reshape(2, 2, 2, 2, 2, 2, 3, 3).mean((2, 4, 6))
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("scale", [None, 0.5])
def test_a_window_in_its_pads_alone_is_refused(scale):
    desk, window = Desk(), Window((6, 7), (2, 2), (1, 1), (1, 1), ((2, 0), (0, 0)))
    data = CODES if scale else CODES.astype(np.float32)
    with pytest.raises(LoweringError, match="lies in its pads alone"):
        average(desk.walk, desk.tensor(data, scale), window)
