"""Relu and Clip: operators for the ends that have one, MINIMUM and MAXIMUM for others."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.clips import LOWERINGS
from tests.backends.litert.lowered import agree, fed, missing, model, turns, worst, written

ENDS = {"lo": np.float32(-0.5), "hi": np.float32(0.7), "zero": np.float32(0), "six": np.float32(6),
        "one": np.float32(1), "minus": np.float32(-1)}  # fmt: skip
ROWS = {
    "y = Relu (x)": ["RELU"], "y = Clip (x, zero, six)": ["RELU6"],
    "y = Clip (x, minus, one)": ["RELU_N1_TO_1"], "y = Clip (x, lo)": ["MAXIMUM"],
    "y = Clip (x, , hi)": ["MINIMUM"], "y = Clip (x, zero)": ["RELU"],
}  # fmt: skip


@pytest.mark.parametrize("body", ROWS)
def test_one_operator_for_it(body):
    assert agree(model("float[2,3,4,5] x", body, **ENDS)) == ROWS[body]


def test_every_op_of_the_table_is_run():
    assert not missing(LOWERINGS, *ROWS)


@pytest.mark.parametrize("body", ["y = Clip (x, lo, hi)", "y = Clip (x)"])
def test_two_ends_or_none(body):
    agree(model("float[2,3] x", body, **ENDS))


def test_computed_ends():
    program = model("float[2,3] x, float[4] e", "m = ReduceMax <keepdims = 0> (e)\n"
                    "y = Clip (x, , m)")  # fmt: skip
    assert worst(program, written(program), [fed(program)]) < 1e-6


def test_the_order_of_memory_is_kept():
    assert turns("l = Constant <value_float = -0.5> ()\n d = Clip (c, l)") == 2
