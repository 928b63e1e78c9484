"""Sums, means and extremes over axes."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.reductions import LOWERINGS
from tests.backends.litert.lowered import agree, missing, model, turns

OPS = ["ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin",
       "ReduceProd", "ReduceSum", "ReduceSumSquare"]  # fmt: skip


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("op", OPS)
def test_some_axes(op, keep):
    body = f"y = {op} <keepdims = {keep}> (x, axes)"
    agree(model("float[2,3,4,5] x", body, axes=np.array([1, -1])), 5e-5)


@pytest.mark.parametrize("op", OPS)
def test_all_axes(op):
    agree(model("float[2,3] x", f"y = {op} (x)"), 5e-5)


def test_the_logarithm_of_a_sum():
    agree(model("float[2,3] x", "a = Exp (x)\n y = ReduceLogSum (a)"), 1e-5)


def test_every_op_of_the_table_is_run():
    assert {*LOWERINGS} == {*OPS, "ReduceLogSum"}
    assert not missing(["ReduceLogSum"], "= ReduceLogSum")


@pytest.mark.parametrize("op", ["ReduceMax", "ReduceMin"])
def test_truth_values(op):
    axes = {"axes": np.array([1])}
    agree(model("bool[4,3] x", f"y = {op} (x, axes)", "bool y", **axes), 0.5)


def test_no_axes():
    body = "y = ReduceSum <noop_with_empty_axes = 1> (x, none)"
    agree(model("float[2,3] x", body, none=np.zeros(0, np.int64)), 1e-9)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_free_batch(batch):
    agree(model("float[n,3,4] x", "y = ReduceMean (x, last)", last=np.array([2])), 1e-5, (batch,))


def test_the_order_of_memory_is_kept():
    assert turns("a = Constant <value_ints = [2, 3]> ()\n m = ReduceMean (c, a)\n"
                 "d = Sub (c, m)") == 2  # fmt: skip
