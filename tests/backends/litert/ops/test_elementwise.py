"""Sums, products and what else is computed entry by entry."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.elementwise import LOWERINGS
from tests.backends.litert.lowered import agree, missing, model, refused, turns

X, STORED = "float[2,3,4,5] x, float[3,1,5] z", {"half": np.float32(0.5)}
ROWS = [
    "y = Abs (x)", "y = Add (x, z)", "y = Ceil (x)", "y = Cos (x)", "a = Exp (z)\n y = Div (x, a)",
    "y = Exp (x)", "y = Floor (x)", "a = Exp (x)\n y = Log (a)", "y = Max (x, z, half)",
    "y = Mean (x, z, half)", "y = Min (x, z)", "y = Mod <fmod = 1> (x, half)", "y = Mul (x, z)",
    "y = Neg (x)", "a = Exp (x)\n y = Reciprocal (a)", "y = Round (x)", "y = Sign (x)",
    "y = Sin (x)", "a = Abs (x)\n y = Sqrt (a)", "y = Sub (x, z)", "y = Sum (x, z, half)",
    "y = Add (half, x)", "y = Sub (half, x)", "a = Exp (x)\n y = Div (half, a)",
]  # fmt: skip
WHOLE = ["BitShift", "BitwiseNot", "BitwiseXor"]


@pytest.mark.parametrize("body", ROWS)
def test_it_is_what_the_oracle_says(body):
    agree(model(X, body, **STORED), 2e-5)


def test_every_op_of_the_table_is_run():
    assert not missing(LOWERINGS, *ROWS, *(f"= {op}" for op in WHOLE))


def test_bits():
    two = "int32[2,3] x, int32[3] z"
    feeds = [{"x": np.int32([[1, -9, 7], [4, 1 << 30, 0]]), "z": np.int32([5, 3, -1])}]
    agree(model(two, "y = BitwiseXor (x, z)", "int32 y"), 0.5, feeds=feeds)
    agree(model(two, "a = BitwiseNot (x)\n y = Add (a, z)", "int32 y"), 0.5, feeds=feeds)


@pytest.mark.parametrize("way", ["LEFT", "RIGHT"])
def test_shifts(way):
    body = f"""a = Cast <to = 12> (x)
    b = BitShift <direction = "{way}"> (a, places)
    y = Cast <to = 7> (b)"""
    program = model("int64[3] x", body, "int64 y", places=np.array([1, 3, 0], np.uint32))
    agree(program, 0.5, feeds=[{"x": np.array([5, 96, 1])}])


def test_a_shift_of_numbers_with_a_sign_is_refused():
    program = model("int64[3] x", 'y = BitShift <direction = "LEFT"> (x, p)', "int64 y",
                    p=np.array([1, 2, 3]))  # fmt: skip
    refused(program, "shifts")


@pytest.mark.parametrize("divisor", [3, -3])
def test_a_remainder_has_the_sign_of_the_divisor(divisor):
    program = model("int64[4] x", "y = Mod (x, by)", "int64 y", by=np.array(divisor))
    agree(program, 0.5, feeds=[{"x": np.array([7, -7, 6, -1])}])


@pytest.mark.parametrize("op", ["Add", "Mul", "Max"])
def test_the_order_of_memory_is_kept(op):
    assert turns(f"z = Neg (c)\n d = {op} (c, z)") == 2


@pytest.mark.parametrize("batch", [1, 3])
def test_a_free_batch(batch):
    agree(model("float[n,3,4] x, float[n,1,4] z", "y = Add (x, z)"), 1e-6, (batch,))
