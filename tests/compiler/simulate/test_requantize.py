"""What becomes of a sum."""

import numpy as np

from mcompile.simulate.requantize import Exit, held, leave
from mcompile.types import QParams

from .sandwiches import LITE, X86

TO = QParams(np.asarray(1.0, np.float32), np.asarray(3, np.int8), "int8")
HALF = np.asarray(0.5, np.float32)
SUMS = np.array([-3, -1, 1, 3, 5, 1000])


def test_floats_round_halves_to_even():
    assert leave(SUMS, HALF, Exit(TO), X86).tolist() == [1, 3, 3, 5, 5, 127]


def test_fixed_point_rounds_halves_up_where_nothing_is_shifted():
    assert leave(SUMS, HALF, Exit(TO), LITE).tolist() == [2, 3, 4, 5, 6, 127]


def test_a_quarter_is_a_shift_whose_halves_go_away_from_zero():
    quarter = np.asarray(0.25, np.float32)
    assert leave(np.array([-2, 2]), quarter, Exit(TO), LITE).tolist() == [2, 4]


def test_a_real_bias_is_added_before_the_rounding():
    found = leave(np.array([1, 2]), HALF, Exit(TO), X86, np.array([0.4, 0.4]))
    assert found.tolist() == [4, 4]


def test_an_activation_holds_codes_within_its_ends():
    assert leave(SUMS, HALF, Exit(TO, 0.0, 2.0), X86).tolist() == [3, 3, 3, 5, 5, 5]


def test_without_codes_behind_it_a_sum_becomes_a_real_number():
    found = leave(np.array([3]), HALF, Exit(None), X86, np.array([1.0]))
    assert found.dtype == np.float32
    assert found.tolist() == [2.5]


def test_sums_of_8_bits_overflow_and_those_of_16_do_not():
    assert held(np.array([2.0**31]), "uint8").tolist() == [-(2**31)]
    assert held(np.array([2.0**31]), "int16").tolist() == [2**31]
