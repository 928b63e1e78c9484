"""Ranges are compared with what is known, and gross ones apart from small ones."""

from __future__ import annotations

import numpy as np

from mcompile.samples.contrasts import scale, unlike
from mcompile.samples.preprocess import Preprocess
from mcompile.samples.survey import Seen
from mcompile.types import Array, Port

RNG = np.random.default_rng(0)
SOUND = RNG.normal(0, 0.1, (40, 1, 300))
PICTURES = RNG.random((40, 1, 1, 12, 12))


def of(rows: Array, dtype: str = "float32", how: Preprocess | None = None) -> Seen:
    seen = Seen(Port("x", dtype, rows.shape[1:]), how)
    for row in rows:
        seen.add(row)
    return seen


def test_quiet_and_loud_sound_is_of_one_scale() -> None:
    assert not [*scale(of(SOUND), of(SOUND / 5))]
    assert [f.hard for f in scale(of(SOUND), of(SOUND / 9))] == [False]


def test_a_single_loud_click_is_no_other_scale() -> None:
    click = SOUND.copy()
    click[0, 0, 0] = 5
    assert not [*scale(of(click), of(SOUND))]


def test_numbers_of_words_have_no_scale() -> None:
    words = RNG.integers(1, 9, (40, 1, 30))
    assert not [*scale(of(words, "int64"), of(900 * words, "int64"))]


def test_constants_have_none_either() -> None:
    assert not [*scale(of(0 * SOUND + 7), of(SOUND))]
    assert not [*scale(of(SOUND), of(0 * SOUND + 7))]


def test_dark_pictures_are_of_the_scale_that_the_profile_says() -> None:
    how = Preprocess(scale=255.0)
    assert not [*scale(of(0.2 * PICTURES, how=how), None)]
    assert [f.hard for f in scale(of(PICTURES / 255, how=how), None)] == [True]
    assert [f.hard for f in scale(of(PICTURES * 1.2, how=how), None)] == [False]


def test_sets_of_other_channels_or_too_few_are_not_compared() -> None:
    three = of(np.repeat(PICTURES, 3, 2))
    assert not [*scale(three, of(PICTURES))]
    assert not [*unlike(three, of(5 * PICTURES))]
    assert not [*unlike(of(PICTURES), None)]
    assert not [*unlike(of(PICTURES), of(5 * PICTURES[:1]))]
    assert [f.name for f in unlike(of(PICTURES), of(5 * PICTURES))] == ["unlike-evaluation"]
