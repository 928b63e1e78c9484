"""Only three colours have an order, and only clear signs of another one are told."""

from __future__ import annotations

import numpy as np

from mcompile.samples.arrangement import layout, order
from mcompile.samples.survey import Seen
from mcompile.types import Array, Port


def of(rows: Array) -> Seen:
    seen = Seen(Port("x", "float32", (1, *rows.shape[1:])))
    for row in rows:
        seen.add(row[None])
    return seen


def tinted(number: int, red: float) -> Array:
    data = np.random.default_rng(number).standard_normal((number, 3, 16, 16)).cumsum(3)
    data[:, 0] += red + np.random.default_rng(0).normal(0, 0.5, (number, 1, 1))
    data[:, 2] -= red
    return data


def test_opposite_tints_are_told_and_equal_ones_are_not() -> None:
    warm, warmer, cold = of(tinted(30, 2)), of(tinted(31, 3)), of(tinted(32, -2))
    assert [f.name for f in order(cold, warm)] == ["channel-order"]
    assert not [*order(warmer, warm)]
    assert not [*order(of(tinted(33, 0)), warm)]


def test_a_tint_much_weaker_than_the_opposite_is_another_subject() -> None:
    assert not [*order(of(tinted(60, -0.6)), of(tinted(30, 8)))]


def test_few_pictures_prove_nothing() -> None:
    assert not [*order(of(tinted(2, -2)), of(tinted(30, 2)))]


def test_grey_pictures_have_no_order() -> None:
    grey = np.random.default_rng(0).standard_normal((9, 1, 16, 16)).cumsum(3)
    assert not [*layout(of(grey), of(grey))]
    assert not [*order(of(grey), of(grey))]


def test_noise_is_in_no_layout_and_not_spoken_of() -> None:
    noise = np.random.default_rng(0).standard_normal((20, 3, 16, 16))
    assert not [*layout(of(noise), of(noise))]
    assert not [*layout(of(noise.transpose(0, 2, 3, 1)), None)]


def test_two_sets_that_are_both_reshaped_are_a_warning() -> None:
    data = tinted(20, 2).transpose(0, 2, 3, 1).reshape(20, 3, 16, 16)
    assert [f.hard for f in layout(of(data), of(data))] == [False]
