"""Blank and cut-off samples are counted against what the evaluation set holds as well."""

from __future__ import annotations

import numpy as np

from mcompile.samples.contents import contents
from mcompile.samples.survey import Seen, Survey
from mcompile.types import Array, Port


def of(rows: Array, shape: tuple[int, ...], dtype: str = "float32") -> Survey:
    seen = Seen(Port("x", dtype, shape))
    for row in rows:
        seen.add(row[None])
    return Survey("here", {"x": seen}, len(rows))


def names(one: Survey, other: Survey | None = None) -> list[str]:
    return [f.name for f in contents("x", one, other)]


def noise(number: int) -> Array:
    return np.random.default_rng(number).standard_normal((number, 1, 12, 12))


SHAPE = (1, 1, 12, 12)


def test_a_single_blank_picture_is_borne() -> None:
    data = noise(10)
    data[3] = 1
    assert names(of(data, SHAPE)) == []
    data[4] = 2
    assert names(of(data, SHAPE)) == ["constant"]


def test_blanks_that_the_evaluation_set_holds_too_are_the_data() -> None:
    data, held = noise(20), noise(21)
    data[:3], held[:3] = 1, 1
    assert names(of(data, SHAPE), of(held, SHAPE)) == []


def test_silence_is_borne_up_to_a_half() -> None:
    data = np.random.default_rng(0).standard_normal((20, 50))
    data[:10] = 0
    assert names(of(data, (1, 50))) == []
    data[:11] = 0
    assert names(of(data, (1, 50))) == ["constant"]


def test_the_background_of_drawings_is_no_saturation() -> None:
    data, held = (np.where(noise(n) > 1, 1.0, 0.0) for n in (40, 41))
    assert names(of(data, SHAPE)) == []
    assert names(of(data, SHAPE), of(held, SHAPE)) == []
    assert names(of(1 - data, SHAPE), of(held, SHAPE)) == ["saturated"]


def test_single_numbers_are_not_judged() -> None:
    assert names(of(np.full((9, 1), 16000), (1, 1), "int64")) == []
