"""Curves, each on numbers from both sides of its bends."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.activations import LOWERINGS
from tests.backends.litert.lowered import agree, fed, missing, model, turns, worst, written

X, STORED = "float[2,3,4,5] x", {"slopes": np.float32([0.1, -0.2, 0.3]).reshape(3, 1, 1)}
ROWS = [
    "y = Celu <alpha = 0.5> (x)", "y = Elu (x)", "y = Elu <alpha = 0.3> (x)", "y = Erf (x)",
    "y = Gelu (x)", 'y = Gelu <approximate = "tanh"> (x)', "y = HardSigmoid (x)",
    "y = HardSigmoid <alpha = 0.5, beta = 0.1> (x)", "y = HardSigmoid <alpha = 0.16666667> (x)",
    "y = HardSwish (x)",
    "y = LeakyRelu <alpha = 0.2> (x)", "y = LeakyRelu <alpha = 1.5> (x)", "y = Mish (x)",
    "y = PRelu (x, slopes)", "y = Selu (x)", "y = Selu <alpha = 1.2, gamma = 0.7> (x)",
    "y = Shrink <lambd = 0.4, bias = 0.1> (x)", "y = Sigmoid (x)", "y = Softplus (x)",
    "y = Softsign (x)", "y = Tanh (x)", "y = ThresholdedRelu <alpha = 0.3> (x)",
]  # fmt: skip


@pytest.mark.parametrize("body", ROWS)
def test_it_is_what_the_oracle_says(body):
    agree(model(X, body, **STORED), 2e-5)


def test_every_op_of_the_table_is_run():
    assert missing(LOWERINGS, *ROWS) == ["Swish"]  # below: ONNX Runtime may not know it


def test_a_swish_of_the_standard():
    program = model("float[2,3] x", "s = Sigmoid (x)\n y = Mul (x, s)")
    swish = model("float[2,3] x", "y = Swish (x)", opset=24)
    assert worst(program, written(swish), [fed(program)]) < 1e-5


@pytest.mark.parametrize("curve", ["Mish", "Erf", "Softplus", "HardSigmoid", "Elu"])
def test_the_order_of_memory_is_kept(curve):
    assert turns(f"d = {curve} (c)") == 2
