"""What the kernels leave to floats."""

import numpy as np
import pytest

from mcompile.simulate import Simulator

from .sandwiches import LITE, X86, Given, Out, codes, runtime, sandwich, steps_apart, weights

RNG = np.random.default_rng(0)
X = Given(codes(RNG, "uint8", 6, 8), 0.03, 9)
IMAGE = Given(codes(RNG, "uint8", 1, 4, 8, 8), 0.03, 9)
SIGNED = Given(codes(RNG, "int8", 6, 8), 0.03, 9)


@pytest.mark.parametrize(
    ("op", "reads", "out", "how", "scheme"),
    [
        ("MatMul", [X, Given(weights(RNG, 8, 5), np.full(8, 0.01), 0, 0, True)],
         Out("uint8", 0.5, 99), {}, X86),
        ("Gemm", [X, Given(weights(RNG, 8, 5), 0.01, 0, None, True),
                  Given(np.arange(5, dtype=np.int32), 3e-4, 0, None, True)],
         Out("uint8", 0.5, 99), {"beta": 2.0}, X86),
        ("AveragePool", [IMAGE], Out("uint8", 0.03, 9),
         {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1, "count_include_pad": 1}, X86),
        ("Softmax", [SIGNED], Out("int8", 1 / 128, 0), {}, LITE),
        ("LeakyRelu", [SIGNED], Out("int8", 0.03, 9), {"alpha": -0.5}, LITE),
    ],
)  # fmt: skip
def test_what_has_no_integer_form_is_computed_as_written(op, reads, out, how, scheme):
    program, feeds = sandwich(op, reads, out, **how)
    simulator = Simulator(program, scheme)
    assert simulator.integer == ()
    real = runtime(program, feeds, fused=False)
    assert steps_apart(simulator.run(feeds)["y"], real) <= 1


def test_activations_with_a_scale_for_each_channel_are_none():
    x = Given(codes(RNG, "uint8", 6, 8), np.linspace(0.01, 0.02, 8), 9, 1)
    program, feeds = sandwich("Add", [x, X], Out("uint8", 0.05, 9))
    simulator = Simulator(program, X86)
    assert simulator.integer == ()
    assert steps_apart(simulator.run(feeds)["y"], runtime(program, feeds, fused=False)) == 0
