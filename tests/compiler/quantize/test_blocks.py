"""Four-bit grids in blocks: what they hold, what they lose, and that slabs change nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile.quantize import blocks
from mcompile.quantize.blocks import HIGH, LOW, encode, fit, plain


def spread(array, block, rows):
    return np.repeat(array, block, axis=0)[:rows].astype(np.float64)


def decoded(weight, scale, zero, block):
    codes = encode(weight, scale, zero, block)
    steps, middle = (spread(a, block, len(weight)) for a in (scale, zero))
    return codes, steps * (codes - middle)


def matrices():
    sizes = st.tuples(st.integers(1, 70), st.integers(1, 5), st.integers(0, 2**31))
    kinds = st.sampled_from(["normal", "positive", "outlier", "tiny", "zero"])
    return st.builds(_matrix, sizes, kinds)


def _matrix(sizes, kind):
    rows, columns, seed = sizes
    made = np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)
    if kind == "positive":
        made = np.abs(made) + 1
    if kind == "outlier":
        made[rows // 2] *= 50
    return made * np.float32({"tiny": 1e-20, "zero": 0}.get(kind, 1))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(matrices(), st.sampled_from([16, 32, 64]))
def test_on_the_plain_grid_no_number_is_off_by_more_than_half_a_step(weight, block):
    scale, zero = plain(weight, block)
    _, real = decoded(weight, scale, zero, block)
    assert (np.abs(weight - real) <= 0.5001 * spread(scale, block, len(weight))).all()


@settings(derandomize=True, deadline=None, max_examples=60)
@given(matrices(), st.sampled_from([16, 32, 64]))
def test_the_fitted_grid_clips_but_is_off_by_half_a_step_inside(weight, block):
    scale, zero = fit(weight, block)
    codes, real = decoded(weight, scale, zero, block)
    assert codes.min() >= LOW
    assert codes.max() <= HIGH
    steps = spread(scale, block, len(weight))
    inside = (codes > LOW) & (codes < HIGH)
    assert (np.abs(weight - real) <= 0.5001 * steps)[inside].all()


@settings(derandomize=True, deadline=None, max_examples=60)
@given(matrices(), st.sampled_from([16, 32, 64]))
def test_no_block_loses_more_than_half_a_plain_step_a_number(weight, block):
    bound, _ = plain(weight, block)
    _, real = decoded(weight, *fit(weight, block), block)
    lost = (weight.astype(np.float64) - real) ** 2
    for place in range(len(bound)):
        own = lost[place * block : (place + 1) * block]
        least = len(own) * (0.5001 * bound[place].astype(np.float64)) ** 2
        assert (own.sum(axis=0) <= least).all()


def test_numbers_of_one_sign_get_a_grid_that_does_not_waste_the_other():
    weight = np.random.default_rng(0).uniform(0, 1, (64, 8)).astype(np.float32)
    scale, zero = fit(weight, 32)
    assert (zero < -4).all()
    _, real = decoded(weight, scale, zero, 32)
    _, even = decoded(weight, *plain(weight, 32), 32)
    assert ((weight - real) ** 2).sum() < 0.4 * ((weight - even) ** 2).sum()


def test_the_search_beats_the_plain_grid_on_normal_weights():
    weight = np.random.default_rng(0).standard_normal((256, 64)).astype(np.float32)
    _, real = decoded(weight, *fit(weight, 32), 32)
    _, even = decoded(weight, *plain(weight, 32), 32)
    assert ((weight - real) ** 2).sum() < 0.8 * ((weight - even) ** 2).sum()


@pytest.mark.parametrize("turned", [False, True])
def test_slabs_make_no_difference(turned, monkeypatch):
    weight = np.random.default_rng(0).standard_normal((100, 33)).astype(np.float32)
    weight = np.ascontiguousarray(weight.T).T if turned else weight
    whole = fit(weight, 16)
    codes = encode(weight, *whole, 16)
    monkeypatch.setattr(blocks, "_SLAB", 700)
    for one, other in zip(whole, fit(weight, 16), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(codes, encode(weight, *whole, 16))


def test_the_codes_of_a_known_block():
    weight = np.array([[-8, 7, 0, 3.4]], np.float32).T
    scale, zero = plain(weight, 16)
    assert (scale.tolist(), zero.tolist()) == ([[1.0]], [[0]])
    assert encode(weight, scale, zero, 16).T.tolist() == [[-8, 7, 0, 3]]
