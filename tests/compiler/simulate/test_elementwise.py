"""Sums and products of two tensors, held against real arithmetic."""

import numpy as np
import pytest

from mcompile.simulate.coded import Coded
from mcompile.simulate.elementwise import add, mul
from mcompile.simulate.requantize import Exit
from mcompile.types import QParams

from .sandwiches import LITE, X86, codes


def params(scale, zero, dtype="int8"):
    return QParams(np.asarray(scale, np.float32), np.asarray(zero, dtype), dtype)


@pytest.mark.parametrize("scheme", [X86, LITE])
@pytest.mark.parametrize(
    ("op", "real"),
    [(add, np.add), (lambda *given: add(*given, sign=-1), np.subtract), (mul, np.multiply)],
)
def test_codes_are_within_a_step_of_the_real_result(op, real, scheme):
    rng = np.random.default_rng(0)
    one = Coded(codes(rng, "int8", 40, 1), params(0.03, 5))
    other = Coded(codes(rng, "int8", 50), params(0.05, -9))
    to = params(0.08, 3)
    got = op(one, other, Exit(to), scheme).astype(int)
    exact = np.clip(real(one.real(), other.real()) / 0.08 + 3, -128, 127)
    assert np.abs(got - exact).max() <= 0.55


def test_without_codes_behind_it_a_sum_stays_real():
    one = Coded(np.int8([4]), params(0.5, 0))
    assert add(one, one, Exit(None), X86).tolist() == [4.0]


def test_16_bits_leave_no_room_for_20_more():
    one = Coded(np.int16([32767, -32768]), params(1e-3, 0, "int16"))
    got = add(one, one, Exit(params(2e-3, 0, "int16")), LITE)
    assert got.tolist() == [32767, -32768]
