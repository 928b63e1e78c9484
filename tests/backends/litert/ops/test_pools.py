"""Pools of every kind over one axis to three."""

from __future__ import annotations

import pytest

from mcompile.backends.litert.ops.pools import LOWERINGS
from tests.backends.litert.lowered import agree, missing, model, refused, turns

X = "float[2,3,8,9] x"
ROWS = [
    "y = AveragePool <kernel_shape = [2,3]> (x)",
    "y = AveragePool <kernel_shape = [3,3], pads = [1,0,1,2], strides = [2,1]> (x)",
    "y = AveragePool <kernel_shape = [3,3], pads = [1,0,1,2], count_include_pad = 1> (x)",
    "y = AveragePool <kernel_shape = [3,2], dilations = [2,1]> (x)",
    "y = GlobalAveragePool (x)", "y = GlobalLpPool <p = 3> (x)", "y = GlobalMaxPool (x)",
    "y = LpPool <kernel_shape = [2,2], p = 2, strides = [2,2]> (x)",
    "y = MaxPool <kernel_shape = [3,2], pads = [1,1,0,0], strides = [2,2]> (x)",
    "y = MaxPool <kernel_shape = [3,3], strides = [2,2], ceil_mode = 1> (x)",
    "y = MaxPool <kernel_shape = [2,3], dilations = [3,2]> (x)",
]  # fmt: skip


@pytest.mark.parametrize("body", ROWS)
def test_it_is_what_the_oracle_says(body):
    agree(model(X, body), 2e-5)


def test_every_op_of_the_table_is_run():
    assert not missing(LOWERINGS, *ROWS)


@pytest.mark.parametrize("shape", ["2,3,9", "2,3,5,6,7"])
@pytest.mark.parametrize("op", ["AveragePool", "MaxPool"])
def test_other_numbers_of_axes(op, shape):
    rank = shape.count(",") - 1
    kernel = ",".join("232"[:rank])
    agree(model(f"float[{shape}] x", f"y = {op} <kernel_shape = [{kernel}]> (x)"))


@pytest.mark.parametrize("batch", [1, 3])
def test_a_free_batch(batch):
    body = "y = MaxPool <kernel_shape = [2,2], pads = [1,0,0,0]> (x)"
    agree(model("float[n,3,6,6] x", body), 1e-9, (batch,))


def test_four_axes_are_refused():
    program = model("float[1,1,3,3,3,3] x", "y = MaxPool <kernel_shape = [2,2,2,2]> (x)")
    refused(program, "over 4 axes")


def test_the_order_of_memory_is_kept():
    assert turns("d = AveragePool <kernel_shape = [2,2]> (c)") == 2
