"""A bias counts steps of input times weight."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.biases import coded
from mcompile.backends.litert.draft import Quant
from mcompile.backends.litert.values import Constant

from .desk import Desk

WEIGHTS = Constant("w", np.ones((2, 3), np.int8), Quant((0.5, 0.25), (0, 0), 0))
BODY = """q = QuantizeLinear (x, s, z)
d = DequantizeLinear (q, s, z)
r = Relu (d)
p = QuantizeLinear (r, s, z)
y = DequantizeLinear (p, s, z)"""


def desk(integers=True):
    found = Desk("float[1,3] x", BODY, "Relu", s=np.float32(0.1), z=np.int8(0))
    assert found.walk.place.integers
    if not integers:
        found.walk.in_reals()
    return found


@pytest.mark.parametrize(("dtype", "kind"), [("int8", np.int32), ("int16", np.int64)])
def test_reals_become_whole_steps(dtype, kind):
    made = desk()
    source = made.tensor(np.zeros((1, 3), dtype), 0.1)
    found = coded(made.walk, Constant("b", np.float32([1.0, -0.51])), WEIGHTS, source)
    assert found.data.dtype == kind
    assert found.data.tolist() == [20, -20]  # 1 / (0.1 * 0.5), -0.51 / (0.1 * 0.25)
    np.testing.assert_allclose(found.quant.scale, [0.05, 0.025], rtol=1e-6)


def test_steps_that_fit_no_sum_stop_at_the_end():
    made = desk()
    source = made.tensor(np.zeros((1, 3), np.int8), 0.1)
    found = coded(made.walk, Constant("b", np.float32([1e12, -1e12])), WEIGHTS, source)
    assert found.data.tolist() == [2**31 - 1, -(2**31)]


def test_codes_and_reals_stay_where_they_fit():
    made = desk()
    codes = Constant("b", np.int32([1, 2]), Quant((0.05, 0.025), (0, 0)))
    assert coded(made.walk, codes, WEIGHTS, made.tensor(np.zeros((1, 3), np.int8), 0.1)) is codes
    real, made = Constant("b", np.float32([1, 2])), desk(integers=False)
    assert coded(made.walk, real, WEIGHTS, made.tensor(np.zeros((1, 3), np.float32))) is real
