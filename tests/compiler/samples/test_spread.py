"""A distance is 0 between equals, 1 between strangers, and small between halves of one set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile.samples.spread import LEVELS, compare, jensen_shannon, quantiles
from mcompile.types import Array


def sets(seed: int, number: int, *, shift: float = 0.0, scale: float = 1.0) -> Array:
    rng = np.random.default_rng(seed)
    centre = rng.standard_normal((number, 2, 1))
    return quantiles(shift + scale * (centre + rng.standard_normal((number, 2, 300))))


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(1, 20), st.integers(0, 99))
def test_the_divergence_is_symmetric_and_between_0_and_1(bins: int, seed: int) -> None:
    one, other = np.random.default_rng(seed).dirichlet(np.full(bins, 0.3), 2)
    assert jensen_shannon(one, other) == pytest.approx(jensen_shannon(other, one))
    assert -1e-12 <= jensen_shannon(one, other) <= 1 + 1e-12
    assert jensen_shannon(one, one) == pytest.approx(0, abs=1e-12)


def test_disjoint_shares_are_one_bit_apart() -> None:
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(1)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(1, 200), st.integers(0, 99))
def test_quantiles_are_values_in_order(size: int, seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal((3, size))
    found = quantiles(values)
    assert found.shape == (3, LEVELS)
    assert (np.diff(found) >= 0).all()
    assert np.isin(found, values).all()
    np.testing.assert_allclose(found[:, LEVELS // 2], np.median(values, 1), atol=3.0)


def test_random_halves_are_as_near_as_chance_has_it() -> None:
    beyond = 0
    for seed in range(40):
        both = sets(seed, 40)
        found = compare(both[:20], both[20:])
        assert 0 <= found.bits <= 1
        beyond += found.bits > found.by_chance
    # One of 200 by construction, so that 3 of 40 would be a broken test of chance.
    assert beyond < 3


@pytest.mark.parametrize(("shift", "scale"), [(3.0, 1.0), (0.0, 4.0), (0.0, 0.2)])
def test_other_sets_are_farther_than_chance_has_it(shift: float, scale: float) -> None:
    found = compare(sets(0, 20), sets(1, 200, shift=shift, scale=scale))
    assert found.bits > found.by_chance


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_the_distance_does_not_depend_on_the_unit(scale: float, shift: float) -> None:
    one, other = sets(0, 10), sets(1, 12, shift=0.5)
    same = compare(scale * one + shift, scale * other + shift)
    assert same.bits == pytest.approx(compare(one, other).bits, abs=1e-6)


def test_a_small_move_changes_little() -> None:
    still = np.zeros((20, 1, LEVELS))
    still[:, :, -4:] = 1
    assert compare(still, still + 1e-3).bits < 0.02
    assert compare(still, still + 0.2).bits > 0.1


def test_values_that_are_all_equal_are_no_distance_apart() -> None:
    still = np.full((4, 1, LEVELS), 3.0)
    assert compare(still, still).bits == pytest.approx(0, abs=1e-12)
