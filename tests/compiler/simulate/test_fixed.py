"""Fixed-point multiplication, held against rational numbers."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from mcompile.simulate.fixed import (
    doubled,
    halved,
    multiplied,
    multiplied_wide,
    multiplier,
    shared,
    wrapped,
)


def away(value):
    """Halves away from zero."""
    return floor(abs(value) + Fraction(1, 2)) * (1 if value >= 0 else -1)


def up(value):
    return floor(value + Fraction(1, 2))


@pytest.mark.parametrize("real", [1e-6, 0.0371, 0.5, 0.99999999999, 1.0, 3.7, 300.0])
def test_both_roundings_are_those_of_the_specification(real):
    values = np.random.default_rng(0).integers(-(2**20), 2**20, 200)
    bits, shift = (int(v) for v in multiplier(np.asarray(real)))
    assert 2**30 <= bits < 2**31
    assert bits * 2.0 ** (shift - 31) == pytest.approx(real, rel=1e-9)
    left, right = max(shift, 0), max(-shift, 0)
    expected = [
        away(Fraction(up(Fraction((int(v) << left) * bits, 2**31)), 2**right)) for v in values
    ]
    assert multiplied(values, np.asarray(real)).tolist() == expected


def test_wide_values_are_multiplied_by_fifteen_bits_and_rounded_once():
    values = np.random.default_rng(1).integers(-(2**40), 2**40, 200)
    real = np.asarray(3.1e-7)
    bits, shift = (int(v) for v in multiplier(real))
    short = (bits + 2**15) >> 16
    expected = [up(Fraction(int(v) * short, 2 ** (15 - shift))) for v in values]
    assert multiplied_wide(values, real).tolist() == expected


def test_a_multiplier_of_nothing_gives_nothing():
    assert multiplied(np.array([5, -5]), np.asarray(1e-12)).tolist() == [0, 0]


def test_halves_go_away_from_zero():
    assert halved(np.array([-3, -1, 1, 3, 5]), 1).tolist() == [-2, -1, 1, 2, 3]
    assert shared(np.array([-3, -1, 1, 3, 5]), 2).tolist() == [-2, -1, 1, 2, 3]


def test_the_product_of_two_minima_is_held_within_31_bits():
    least = np.array([-(2**31)])
    assert doubled(least, least).tolist() == [2**31 - 1]


def test_an_accumulator_overflows_silently():
    assert wrapped(np.array([2**31, -(2**31) - 1])).tolist() == [-(2**31), 2**31 - 1]
