"""Softmax and its kin over any axis."""

from __future__ import annotations

import pytest

from mcompile.backends.litert.ops.softmax import LOWERINGS
from tests.backends.litert.lowered import agree, missing, model, turns

OPS = ["Hardmax", "LogSoftmax", "Softmax"]


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("op", OPS)
def test_any_axis(op, axis):
    agree(model("float[2,3,4,5] x", f"y = {op} <axis = {axis}> (x)"))


@pytest.mark.parametrize("op", OPS)
def test_more_axes_than_kernels_have(op):
    agree(model("float[2,1,2,3,2,4] x", f"y = {op} <axis = 3> (x)"))


@pytest.mark.parametrize("op", OPS)
def test_all_axes_from_one_on_as_older_models_mean_it(op):
    agree(model("float[2,3,4] x", f"y = {op} <axis = 1> (x)", opset=11))


def test_every_op_of_the_table_is_run():
    assert {*LOWERINGS} == {*OPS}
    assert not missing(["Softmax"], "= Softmax")


@pytest.mark.parametrize("batch", [1, 3])
def test_a_free_batch(batch):
    agree(model("float[n,3,4] x", "y = Softmax <axis = 1> (x)"), 1e-5, (batch,))


def test_the_order_of_memory_is_kept():
    assert turns("d = Softmax <axis = 1> (c)") == 2
