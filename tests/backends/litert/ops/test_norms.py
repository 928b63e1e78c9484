"""Norms of every kind, spelled out."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.norms import LOWERINGS
from tests.backends.litert.lowered import (
    KERNELS,
    agree,
    drawn,
    fed,
    missing,
    model,
    refused,
    turns,
    worst,
    written,
)

X = "float[2,4,5,6] x"
STORED = drawn(g=(4,), b=(4,), m=(4,), k=(6,), t=(6,)) | {"v": np.float32([0.5, 1, 2, 0.1])}
ROWS = [
    "y = BatchNormalization (x, g, b, m, v)",
    "y = InstanceNormalization (x, g, b)",
    "y = LayerNormalization <axis = -1> (x, k, t)", "y = LayerNormalization <axis = -1> (x, k)",
    "y = LpNormalization <axis = 1> (x)", "y = LpNormalization <axis = 1, p = 1> (x)",
    "y = MeanVarianceNormalization <axes = [0, 2, 3]> (x)",
]  # fmt: skip


@pytest.mark.parametrize("body", ROWS)
def test_it_is_what_the_oracle_says(body):
    agree(model(X, body, **STORED), 2e-5)


def test_every_op_of_the_table_is_run():
    assert missing(LOWERINGS, *ROWS) == ["GroupNormalization", "LRN", "RMSNormalization"]


@pytest.mark.parametrize(("opset", "given"), [(18, 2), (21, 4)])
def test_groups_of_channels(opset, given):
    stored = drawn(g=(given,), b=(given,))
    body = "y = GroupNormalization <num_groups = 2> (x, g, b)"
    agree(model(X, body, "float[2,4,5,6] y", opset=opset, **stored), 2e-5)


def test_a_root_of_the_mean_of_squares():
    agree(model(X, "y = RMSNormalization (x, k)", opset=23, **STORED), 2e-5)


def test_neighbouring_channels():
    """Reference kernels leave out the last neighbour: only those that are shipped are asked."""
    program = model(X, "y = LRN <size = 3, alpha = 0.1, beta = 0.5, bias = 2.0> (x)")
    assert worst(program, written(program), [fed(program)], KERNELS[:2]) < 1e-5


def test_a_norm_that_trains_is_refused():
    body = "y, p, q = BatchNormalization <training_mode = 1> (x, g, b, m, v)"
    refused(model(X, body, **STORED), "training mode")


def test_an_even_number_of_channels_is_refused():
    refused(model(X, "y = LRN <size = 4> (x)"), "even number")


@pytest.mark.parametrize("batch", [1, 3])
def test_a_free_batch(batch):
    body = "y = InstanceNormalization (x, g, b)"
    agree(model("float[n,4,5,6] x", body, **STORED), 2e-5, (batch,))


def test_the_order_of_memory_is_kept():
    assert turns("g = Constant <value_floats = [1.0, 2.0, 3.0, 4.0]> ()\n"
                 "d = InstanceNormalization (c, g, g)", 1e-3) == 2  # fmt: skip


def test_parameters_that_are_codes_are_taken_for_their_numbers():
    body = """g = DequantizeLinear (codes, step, middle)
    y = BatchNormalization (x, g, b, m, v)"""
    stored = {"codes": np.uint8([130, 120]), "step": np.float32(0.02), "middle": np.uint8(100)}
    stored |= {n: np.float32([0.5, 0.8]) for n in "bmv"}
    agree(model("float[1,2,4,4] x", body, **stored))
