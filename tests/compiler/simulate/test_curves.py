"""Functions of one integer."""

import numpy as np
import pytest

from mcompile.simulate.coded import Coded
from mcompile.simulate.curves import entered, hard_swish, leaky_relu, rescaled, sigmoid, table
from mcompile.simulate.requantize import Exit
from mcompile.types import QParams

EVERY = np.arange(-128, 128).astype(np.int8)


def params(scale, zero):
    return QParams(np.asarray(scale, np.float32), np.asarray(zero, np.int8), "int8")


def held(real, to):
    return np.clip(real / to.scale + int(to.zero_point), -128, 127)


@pytest.mark.parametrize("scale", [0.01, 0.05, 0.2])
def test_curves_are_within_a_step_of_the_real_ones(scale):
    data, to = Coded(EVERY, params(scale, -11)), params(scale * 0.9, -40)
    real = data.real()
    for got, exact in (
        (table(data, Exit(to), to, np.tanh), np.tanh(real)),
        (table(data, Exit(to), to, sigmoid), 1 / (1 + np.exp(-real))),
        (leaky_relu(data, Exit(to), to, 0.1), np.where(real > 0, real, real * 0.1)),
        (hard_swish(data, Exit(to), to), real * np.clip(real / 6 + 0.5, 0, 1)),
        (rescaled(data, Exit(to), to), real),
    ):
        assert np.abs(got - held(exact, to)).max() <= 1


def test_real_numbers_enter_with_halves_away_from_zero():
    to = params(0.5, 3)
    found = entered(np.float32([-1.25, -0.25, 0.25, 0.75, 1.25, 1e9]), Exit(to), to)
    assert found.tolist() == [0, 2, 4, 5, 6, 127]
