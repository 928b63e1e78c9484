"""Values joined along an axis, and what one join takes over from another."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.draft import Draft
from mcompile.backends.litert.ops.joins import LOWERINGS
from mcompile.backends.litert.walk import Walk
from tests.backends.litert.lowered import agree, missing, model, ops, turns, written

ROWS = ["y = Concat <axis = 1> (x, z, x)", "y = Concat <axis = -3> (x, z)",
        "y = Concat <axis = 1> (x)", "y = Concat <axis = 1> (x, nothing, z)"]  # fmt: skip


@pytest.mark.parametrize("body", ROWS)
def test_it_is_what_the_oracle_says(body):
    given = "float[2,3,4,5] x, float[2,1,4,5] z"
    agree(model(given, body, nothing=np.zeros((2, 0, 4, 5), np.float32)), 1e-9)


def test_every_op_of_the_table_is_run():
    assert not missing(LOWERINGS, *ROWS)


def dense(*joins):
    body = "\n".join(f"{n} = {op} (x)" for n, op in zip("abcd", _OPS, strict=True))
    return model("float[1,2,3,3] x", f"{body}\n" + "\n".join(joins))


_OPS = ("Abs", "Neg", "Sigmoid", "Tanh")


def joined(program):
    """How many values each CONCATENATION joins."""
    draft = Draft()
    Walk(program, draft).write()
    return [len(op.inputs) for op in draft.ops if op.kind == "CONCATENATION"]


def test_a_join_goes_on_from_a_shorter_one():
    program = dense("i = Concat <axis = 1> (a, b)", "j = Concat <axis = 1> (a, b, c, d)",
                    "k = Sqrt (i)", "y = Concat <axis = 1> (k, j)")  # fmt: skip
    assert joined(program) == [2, 3, 2]  # of a, b; of both with c, d; of k with all


@pytest.mark.parametrize(
    "second", ["Concat <axis = 1> (b, a, c)", "Concat <axis = 2> (a, b, c)"]
)  # another order of values, another axis
def test_a_join_of_something_else_stands_alone(second):
    program = dense("i = Concat <axis = 1> (a, b)", f"j = {second}", "k = ReduceSum (i)",
                    "y = Add (j, k)")  # fmt: skip
    assert joined(program) == [2, 3]
    agree(program, 1e-4)


def test_what_a_longer_join_makes_is_right():
    program = dense("i = Concat <axis = 1> (a, b)", "j = Concat <axis = 1> (a, b, c)",
                    "k = ReduceSum (i)", "y = Add (j, k)")  # fmt: skip
    agree(program, 1e-4)
    assert ops(written(program)).count("CONCATENATION") == 2


def coded(scale):
    """Two joins on integers, the longer with that scale."""
    body = "".join(
        f"{n}q = QuantizeLinear ({n}, s, z)\n {n}r = DequantizeLinear ({n}q, s, z)\n" for n in "abc"
    )
    body += (
        "i = Concat <axis = 1> (ar, br)\n iq = QuantizeLinear (i, s, z)\n"
        "ir = DequantizeLinear (iq, s, z)\n j = Concat <axis = 1> (ar, br, cr)\n"
        "jq = QuantizeLinear (j, t, z)\n jr = DequantizeLinear (jq, t, z)\n"
        "k = ReduceMax (ir)\n y = Add (jr, k)"
    )
    scales = {"s": np.float32(0.05), "t": np.float32(scale), "z": np.int8(3)}
    return model("float[1,2] a, float[1,2] b, float[1,2] c", body, **scales)


@pytest.mark.parametrize(("scale", "counts"), [(0.05, [2, 2]), (0.07, [2, 3])])
def test_codes_are_joined_on_where_their_scale_is_the_same(scale, counts):
    assert joined(coded(scale)) == counts
    agree(coded(scale), 1e-6)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_free_batch(batch):
    agree(model("float[n,3] x, float[n,2] z", "y = Concat <axis = 1> (x, z)"), 1e-9, (batch,))


def test_the_order_of_memory_is_kept():
    assert turns("a, b = Split <axis = 1, num_outputs = 2> (c)\n"
                 "d = Concat <axis = 1> (b, a)") == 2  # fmt: skip
