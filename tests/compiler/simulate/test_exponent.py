"""Fixed-point exponentials, held against real ones."""

import numpy as np
import pytest

from mcompile.simulate.coded import Coded
from mcompile.simulate.exponent import exponential, softmax
from mcompile.types import QParams

from .sandwiches import codes

OUT = QParams(np.asarray(1 / 256, np.float32), np.asarray(-128, np.int8), "int8")


def test_the_exponential_is_good_to_eight_digits_over_its_range():
    powers = -np.arange(0, 31 << 26, 9_999_991)
    real = np.exp(powers / 2.0**26)
    assert np.abs(exponential(powers) / 2.0**31 - real).max() < 2e-7


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("scale", [0.01, 0.1, 2.0])
def test_softmax_is_within_a_step_of_the_real_one(scale, axis):
    data = codes(np.random.default_rng(0), "int8", 7, 9, 11)
    params = QParams(np.asarray(scale, np.float32), np.asarray(4, np.int8), "int8")
    one = Coded(data, params)
    powers = np.exp(one.real().astype(np.float64) - one.real().max(axis=axis, keepdims=True))
    real = np.minimum(256 * powers / powers.sum(axis=axis, keepdims=True), 255) - 128
    assert np.abs(softmax(one, OUT, axis).astype(int) - real).max() <= 0.51


def test_one_class_is_certain():
    params = QParams(np.asarray(0.1, np.float32), np.asarray(0, np.int8), "int8")
    assert softmax(Coded(np.int8([[5]]), params), OUT, -1).tolist() == [[127]]
