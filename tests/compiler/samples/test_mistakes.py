"""A slip is named from the ranges alone, and none where the pictures merely differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile.samples.mistakes import Range, declared, near, slip, width
from mcompile.samples.preprocess import Preprocess, load_preprocess


def test_what_black_and_white_become() -> None:
    how = Preprocess(scale=255.0, mean=(0.5, 0.4), std=(0.5, -0.2))
    assert declared(how, 0) == (-1, 1)
    assert declared(how, 1) == pytest.approx((-3, 2))
    # A third channel that was not spoken of is taken as the first.
    assert declared(how, 2) == (-1, 1)


@settings(derandomize=True, deadline=None, max_examples=80)
@given(st.floats(0.1, 0.9), st.floats(0.1, 1.0))
def test_every_slip_is_named_for_any_mean_and_deviation(m: float, s: float) -> None:
    expected = (-m / s, (1 - m) / s)

    def twice(ends: Range) -> Range:
        return (ends[0] - m) / s, (ends[1] - m) / s

    assert slip(expected, expected) == ""
    assert "255" in slip(expected, (0, 255))
    assert slip(expected, twice((0, 255))).startswith("not divided by 255")
    assert slip(expected, twice((0, 1 / 255))) == "divided by 255 twice"
    if width(expected) > 2:
        assert slip(expected, (0, 1)).startswith("mean and deviation forgotten")
        assert slip(expected, twice(expected)) == "normalized twice"


@settings(derandomize=True, deadline=None, max_examples=80)
@given(st.sampled_from(["none", "zero-to-one", "tf", "imagenet"]), st.floats(0, 0.3),
       st.floats(0.7, 1))  # fmt: skip
def test_darker_and_flatter_pictures_are_no_slip(preset: str, low: float, high: float) -> None:
    how = load_preprocess(preset)
    assert how is not None
    black, white = declared(how, 0)
    ends = np.interp([low, high], [0, 1], [black, white])
    if high - low > 0.6:
        assert slip((black, white), (ends[0], ends[1])) == ""
        assert slip((ends[0], ends[1]), (black, white)) == ""


def test_bytes_have_slips_of_their_own() -> None:
    assert "takes bytes" in slip((0, 255), (0, 1))
    assert "takes bytes" in slip((0, 255), (-1, 1))
    assert slip((0, 255), (0, 3000)) == ""


def test_signed_values_for_a_model_of_zero_to_one() -> None:
    assert "-1..1" in slip((0, 1), (-1, 1))
    assert slip((-1, 0.1), (-1, 1)) == ""


def test_near_is_a_twentieth_of_the_range() -> None:
    assert near((0.04, 0.96), (0, 1))
    assert not near((0.06, 1), (0, 1))
