"""A bias counts steps of input times weight."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.biases import coded
from mcompile.backends.litert.draft import Quant
from mcompile.backends.litert.listing import listed
from mcompile.backends.litert.values import Constant

from .desk import Desk
from .lowered import model, worst, written

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


@pytest.mark.parametrize(("dtype", "most"), [("int8", 2**31 - 1), ("int16", 2**46)])
def test_steps_that_fit_no_sum_stop_at_the_end(dtype, most):
    made = desk()
    source = made.tensor(np.zeros((1, 3), dtype), 0.1)
    found = coded(made.walk, Constant("b", np.float32([1e15, -1e15])), WEIGHTS, source)
    assert found.data.tolist() == [most, -most]


@pytest.mark.parametrize(("scale", "operators"), [(1e-9, "int16"), (1e-14, "float32")])
def test_a_bias_far_above_what_is_read_keeps_its_size(scale, operators):
    """Beside int16 it may count more steps than 32 bits hold; where 47 do not, reals are read."""
    body = """q = QuantizeLinear (x, s, z)
    d = DequantizeLinear (q, s, z)
    w = DequantizeLinear (v, t, u)
    r = Gemm (d, w, b)
    p = QuantizeLinear (r, o, z)
    y = DequantizeLinear (p, o, z)"""
    stored = {"s": np.float32(scale), "t": np.float32(0.01), "o": np.float32(1e-4)}
    stored |= {"z": np.int16(0), "u": np.int8(0), "v": np.int8([[90, -90], [50, 70]])}
    made = model("float[1,2] x", body, opset=21, **stored, b=np.float32([0.8, -0.5]))
    data = written(made)
    feeds = [{"x": np.float32([[2e4 * scale, -1e4 * scale]])}]
    assert worst(made, data, feeds) <= 1.1e-4
    layer = next(op for op in listed(data) if op.kind == "FULLY_CONNECTED")
    assert layer.inputs[0].dtype == operators


def test_codes_and_reals_stay_where_they_fit():
    made = desk()
    codes = Constant("b", np.int32([1, 2]), Quant((0.05, 0.025), (0, 0)))
    assert coded(made.walk, codes, WEIGHTS, made.tensor(np.zeros((1, 3), np.int8), 0.1)) is codes
    real, made = Constant("b", np.float32([1, 2])), desk(integers=False)
    assert coded(made.walk, real, WEIGHTS, made.tensor(np.zeros((1, 3), np.float32))) is real
