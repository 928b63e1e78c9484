"""Comparisons, truth values and choices."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.comparisons import LOWERINGS
from tests.backends.litert.lowered import agree, missing, model, refused, turns

TWO = "float[2,3,4] x, float[3,1] z"
REAL = ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"]
TRUTH = ["And", "Or", "Xor"]


@pytest.mark.parametrize("op", REAL)
def test_reals_that_meet(op):
    feeds = {"x": np.float32(np.arange(24).reshape(2, 3, 4) % 5), "z": np.float32([[1], [2], [4]])}
    agree(model(TWO, f"y = {op} (x, z)", "bool y"), 0.5, feeds=[feeds])


@pytest.mark.parametrize("op", TRUTH)
def test_truth_values_that_meet(op):
    agree(model("bool[2,3,4] x, bool[3,1] z", f"y = {op} (x, z)", "bool y"), 0.5)


def test_not():
    agree(model("bool[2,3,4] x", "y = Not (x)", "bool y"), 0.5)


@pytest.mark.parametrize(("op", "odd"), [("IsNaN", np.nan), ("IsInf", np.inf), ("IsInf", -np.inf)])
def test_what_is_no_number(op, odd):
    x = np.float32([1, odd, -3e38, odd, 0])
    agree(model("float[5] x", f"y = {op} (x)", "bool y"), 0.5, feeds=[{"x": x}])


def test_one_sign_of_infinity():
    x = np.float32([np.inf, -np.inf, 1])
    for how in ("detect_negative", "detect_positive"):
        agree(model("float[3] x", f"y = IsInf <{how} = 0> (x)", "bool y"), 0.5, feeds=[{"x": x}])


def test_a_choice_spreads_its_operands():
    agree(model("bool[2,1,4] c, float[3,1] x, float[4] z", "y = Where (c, x, z)"), 1e-9)


def test_a_diagonal_beside_what_is_computed():
    agree(model("float[3,4] x", "e = EyeLike <k = 1> (x)\n y = Mul (x, e)"), 1e-9)


def test_a_range_of_constants():
    stored = {"first": np.float32(1), "end": np.float32(9), "step": np.float32(2.5)}
    agree(model("float[2,4] x", "r = Range (first, end, step)\n y = Add (x, r)", **stored))


def test_a_range_whose_end_is_computed_is_refused():
    body = "e = ReduceMax <keepdims = 0> (x)\n y = Range (one, e, one)"
    refused(model("float[4] x", body, one=np.float32(1)), "when the model runs|not known before")


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("dtype", "code"), [(np.float32, 1), (np.int64, 7), (np.int32, 6)])
def test_a_range_as_long_as_a_free_size(dtype, code, batch):
    body = "s = Shape <start = 0, end = 1> (x)\n n = Squeeze (s)\n "
    body += f"c = Cast <to = {code}> (n)\n"
    body += "r = Range (low, c, one)\n f = Cast <to = 1> (r)\n t = Mul (f, half)\n"
    body += "u = Unsqueeze (t, last)\n y = Add (x, u)"
    stored = {"low": dtype(0), "one": dtype(1), "half": np.float32(2.5), "last": np.array([1])}
    program = model("float[n,4] x", body, **stored)
    agree(program, 1e-9, (batch,))


def test_every_op_of_the_table_is_run():
    others = ["Not", "IsNaN", "IsInf", "Where", "EyeLike", "Range"]
    assert {*LOWERINGS} == {*REAL, *TRUTH, *others}
    assert not missing(["Where"], "= Where")


def test_the_order_of_memory_is_kept():
    assert turns("z = Neg (c)\n m = Less (c, z)\n d = Where (m, z, c)") == 2
