"""Tables of 16 bits, held against real functions."""

import numpy as np
import pytest

from mcompile.simulate.coded import Coded
from mcompile.simulate.interpolated import sigmoid, softmax, tanh
from mcompile.types import QParams


def every(scale):
    codes = np.arange(-(2**15), 2**15).astype(np.int16)
    return Coded(codes, QParams(np.asarray(scale, np.float32), np.asarray(0, np.int16), "int16"))


@pytest.mark.parametrize("scale", [1 / 4096, 1 / 2048, 3e-4])
def test_curves_err_by_a_few_steps_of_16_bits(scale):
    data = every(scale)
    real = data.real().astype(np.float64)
    assert np.abs(sigmoid(data) - 32768 / (1 + np.exp(-real))).max() < 5
    assert np.abs(tanh(data) - 32768 * np.tanh(real)).max() < 10


def test_curves_never_fall():
    for curve in (sigmoid, tanh):
        assert (np.diff(curve(every(3e-4)).astype(int)) >= 0).all()


@pytest.mark.parametrize("axis", [0, 1])
def test_softmax_errs_by_a_few_steps_of_16_bits(axis):
    codes = np.random.default_rng(0).integers(-(2**15), 2**15, (6, 9), np.int16)
    data = Coded(codes, every(2e-4).params)
    powers = np.exp(data.real().astype(np.float64))
    real = 32768 * powers / powers.sum(axis=axis, keepdims=True)
    assert np.abs(softmax(data, axis) - real).max() < 12
