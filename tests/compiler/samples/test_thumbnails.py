"""A picture that was merely touched up is recognized, another one never."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile.samples.thumbnails import SIDE, alike, of_picture, of_signal
from mcompile.types import Array


def pictures(number: int) -> Array:
    return np.random.default_rng(0).standard_normal((number, 3, 40, 30))


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.floats(0.2, 5), st.floats(-10, 10))
def test_brightness_and_contrast_make_no_other_picture(contrast: float, light: float) -> None:
    first, second = pictures(2)
    found = alike([of_picture(p) for p in (first, second, contrast * second + light)])
    assert found.tolist() == [False, False, True]


def test_a_likeness_holds_the_mean_of_each_field() -> None:
    picture = pictures(1)[0]
    made = of_picture(picture).reshape(SIDE, SIDE)
    bounds = [np.linspace(0, side, SIDE + 1).astype(int) for side in (40, 30)]
    field = picture[:, bounds[0][3] : bounds[0][4], bounds[1][5] : bounds[1][6]]
    np.testing.assert_allclose(made[3, 5], field.mean(), rtol=1e-5)


def test_pictures_smaller_than_a_likeness_keep_their_pixels() -> None:
    picture = pictures(1)[0, :, :9, :10]
    np.testing.assert_allclose(of_picture(picture), picture.mean(0).ravel(), rtol=1e-5)


def test_flat_pictures_and_other_sizes_are_never_alike() -> None:
    flat = np.full(256, 3.0)
    short = of_signal(np.arange(20.0))
    assert alike([flat, flat + 1, short, short, np.arange(256.0)]).tolist() == [False] * 5
    assert alike([]).tolist() == []


def test_every_later_copy_counts_across_blocks() -> None:
    given_ones = [of_picture(p) for p in pictures(300)]
    found = alike([*given_ones, given_ones[0], given_ones[299]])
    assert found.nonzero()[0].tolist() == [300, 301]


def test_a_signal_is_seen_from_its_start_to_its_end() -> None:
    assert of_signal(np.arange(1001.0)[None])[[0, -1]].tolist() == [0, 1000]
