"""Which ops have integer kernels, and what becomes of their biases."""

import numpy as np
import pytest

from mcompile.simulate import Simulator
from mcompile.simulate.kernels import kernels

from .sandwiches import LITE, X86, Given, Out, codes, runtime, sandwich, steps_apart, weights


def test_curves_are_integers_only_where_there_are_no_floats():
    assert {"Conv", "MatMul", "Add", "AveragePool"} <= kernels(X86).keys()
    assert kernels(LITE).keys() - kernels(X86).keys() == {
        "HardSwish", "LeakyRelu", "QuantizeLinear", "Resize", "Sigmoid", "Softmax", "Tanh",
    }  # fmt: skip


@pytest.mark.parametrize("unit", [1.0, 0.37])
def test_a_bias_of_another_unit_is_added_as_a_real_number(unit):
    rng = np.random.default_rng(0)
    x = Given(codes(rng, "uint8", 2, 3, 6, 6), 0.03, 9)
    w = Given(weights(rng, 4, 3, 3, 3), rng.uniform(0.01, 0.02, 4), 0, 0, True)
    b = Given(
        rng.integers(-9000, 9000, 4, np.int32), np.float32(0.03 * unit) * w.vector, 0, 0, True
    )
    program, feeds = sandwich("Conv", [x, w, b], Out("uint8", 0.6, 120))
    got = Simulator(program, X86).run(feeds)["y"]
    assert steps_apart(got, runtime(program, feeds, fused=False)) <= 1


def test_a_bias_that_is_stored_as_real_numbers_stays_so():
    rng = np.random.default_rng(1)
    x = Given(codes(rng, "uint8", 5, 12), 0.03, 9)
    w = Given(weights(rng, 12, 4), 0.01, 0, None, True)
    program, feeds = sandwich("Gemm", [x, w, np.float32([3, -7, 0.5, 9])], Out("uint8", 0.3, 120))
    simulator = Simulator(program, X86)
    assert simulator.integer == ("o0",)
    assert steps_apart(simulator.run(feeds)["y"], runtime(program, feeds, fused=False)) <= 1


def test_groups_of_a_transposed_convolution_share_their_scales():
    rng = np.random.default_rng(2)
    x = Given(codes(rng, "uint8", 1, 4, 5, 5), 0.03, 9)
    w = Given(weights(rng, 4, 3, 2, 2), rng.uniform(0.01, 0.02, 3), 0, 1, True)
    program, feeds = sandwich("ConvTranspose", [x, w], Out("uint8", 0.3, 120), group=2)
    simulator = Simulator(program, X86)
    assert simulator.integer == ("o0",)
    assert steps_apart(simulator.run(feeds)["y"], runtime(program, feeds, fused=False)) <= 1
