from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcompile.measure.agreement import EXACT_DB, Tally, broken, decibel, misshapen

ROWS = np.random.default_rng(0).standard_normal((5, 1, 7)).astype(np.float32)


def tally(pairs):
    made = Tally()
    for reference, output in pairs:
        made.add(np.asarray(reference, np.float32), np.asarray(output, np.float32))
    return made


@given(st.floats(1e-4, 10.0), st.integers(0, 2**32 - 1))
def test_sqnr_pools_signal_and_noise_over_the_samples(size, seed):
    noise = np.random.default_rng(seed).normal(scale=size, size=ROWS.shape).astype(np.float32)
    outputs = ROWS + noise
    error = ROWS.astype(np.float64) - outputs
    expected = 10 * math.log10((ROWS.astype(np.float64) ** 2).sum() / (error**2).sum())
    found = tally(zip(ROWS, outputs, strict=True))
    assert found.sqnr_db == pytest.approx(expected)
    assert found.max_abs_error == pytest.approx(np.abs(error).max())


def test_no_error_at_all_is_a_finite_figure():
    assert tally(zip(ROWS, ROWS, strict=True)).sqnr_db == EXACT_DB


def test_no_signal_or_infinite_noise_is_a_finite_figure():
    assert decibel(0.0, 1.0) == decibel(1.0, math.inf) == -EXACT_DB
    assert tally([([[1.0, 2.0]], [[np.nan, 2.0]])]).sqnr_db == -EXACT_DB


def test_rows_agree_by_arg_max():
    found = tally([([[1, 2, 3]], [[0, 0, 9]]), ([[1, 2, 3]], [[9, 0, 0]])])
    assert found.percent == 50


def test_any_of_the_references_ties_is_right():
    assert tally([([[3, 3, 0]], [[0, 1, 0]])]).percent == 100


def test_a_row_with_nan_does_not_agree():
    assert tally([([[3, 1]], [[3, np.nan]])]).percent == 0


def test_other_outputs_agree_element_by_element_within_one_percent_of_the_largest():
    reference = np.float32([[[100.0, 0.0, 50.0, 1.0]]])
    output = reference + np.float32([[[0.9, 0.9, 1.1, -5.0]]])
    assert tally([(reference, output)]).percent == 50


def test_a_column_of_single_numbers_has_no_arg_max():
    assert tally([([[1.0]], [[5.0]])]).percent == 0


def test_integers_agree_exactly_or_not():
    made = Tally()
    made.add(np.int64([1, 2, 3, 4]), np.int64([1, 2, 3, 5]))
    assert made.percent == 75
    assert not made.is_float


def test_the_same_infinity_is_no_error():
    found = tally([([[-np.inf, 2.0]], [[-np.inf, 2.0]])])
    assert found.sqnr_db == EXACT_DB
    assert found.percent == 100


def test_a_reference_that_never_changes_is_found_out():
    one = [[1.0, 2.0]]
    assert "every sample" in tally([(one, one), (one, one)]).constant(2)
    assert tally([([[3.0, 3.0]], [[3.0, 3.0]])]).constant(1) == "is constant"
    assert tally([(one, one)]).constant(1) == ""
    assert tally([(one, one), ([[1.0, 9.0]], one)]).constant(2) == ""
    assert Tally().constant(0) == "is empty"


def test_nan_is_broken_and_an_infinity_only_where_the_reference_has_none():
    clean, infinite = np.float32([1, 2]), np.float32([1, -np.inf])
    assert broken(clean, np.float32([1, np.nan]))
    assert broken(clean, infinite)
    assert not broken(infinite, infinite)
    assert broken(np.float32([1]), infinite)
    assert not broken(np.int64([1]), np.int64([2]))


def test_missing_and_reshaped_outputs_are_misshapen():
    reference = {"y": np.zeros((1, 2))}
    assert misshapen(reference, {})
    assert misshapen(reference, {"y": np.zeros((2, 1))})
    assert not misshapen(reference, {"y": np.ones((1, 2)), "extra": np.ones(3)})
