"""Gemm, MatMul and Einsum: what becomes FULLY_CONNECTED, and what is never transposed."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.errors import LoweringError
from tests.backends.litert.lowered import drawn, ops, parsed, worst, written

WEIGHTS = drawn(w=(6, 4), t=(4, 6), b=(4,), left=(5, 3), deep=(2, 6, 4), one=(1, 6, 4), row=(1, 4))

FORMS = {
    "gemm": ("x[3,6] -> y[3,4]", "y = Gemm (x, w, b)"),
    "gemm_scaled": ("x[3,6] -> y[3,4]", "y = Gemm <alpha = 0.5, beta = 2.0> (x, w, b)"),
    "gemm_turned": ("x[6,3] -> y[3,4]", "y = Gemm <transA = 1, transB = 1> (x, t, row)"),
    "gemm_computed": (
        "x[3,6], u[4,6], v[3,4] -> y[3,4]",
        "y = Gemm <alpha = 2.0, beta = 0.5, transB = 1> (x, u, v)",
    ),
    "linear": ("x[2,3,6] -> y[2,3,4]", "a = MatMul (x, w)\n c = Add (a, b)\n y = Relu (c)"),
    "vector": ("x[6] -> y[4]", "y = MatMul (x, w)"),
    "vector_right": ("x[2,3,6], u[6] -> y[2,3]", "y = MatMul (x, u)"),
    "constant_left": ("x[3,7] -> y[5,7]", "y = MatMul (left, x)"),
    "constant_of_three": ("x[2,3,6] -> y[2,3,4]", "y = MatMul (x, deep)"),
    "constant_of_one": ("x[2,3,6] -> y[2,3,4]", "y = MatMul (x, one)"),
    "spread_batch": ("x[2,1,3,6], u[4,6,5] -> y[2,4,3,5]", "y = MatMul (x, u)"),
    "six_axes": ("x[2,1,2,1,3,6], u[2,1,2,1,6,2] -> y[2,1,2,1,3,2]", "y = MatMul (x, u)"),
    "product_then_relu": ("x[2,3,6], u[2,6,3] -> y[2,3,3]", "a = MatMul (x, u)\n y = Relu (a)"),
    "einsum": (
        "x[2,3,4,5], u[2,6,4,5] -> y[2,4,3,6]",
        'y = Einsum <equation = "bqhd,bkhd->bhqk"> (x, u)',
    ),
}


def program(form):
    ports, body = FORMS[form]
    reads, made = ports.split(" -> ")
    ins = ", ".join(f"float{p.strip()[1:]} {p.strip()[0]}" for p in reads.split(", "))
    return parsed(f"({ins}) => (float{made[1:]} {made[0]})", body, WEIGHTS)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_product_is_what_the_oracle_says(form):
    found = program(form)
    rng = np.random.default_rng(5)
    feeds = {p.name: rng.standard_normal(p.shape).astype(np.float32) for p in found.inputs}
    assert worst(found, written(found), [feeds]) < 1e-5


def test_a_linear_layer_takes_its_bias_and_activation_along():
    assert ops(written(program("linear"))) == ["FULLY_CONNECTED"]


def test_a_transposed_right_factor_is_read_as_it_lies():
    body = "k = Transpose <perm = [0,2,1]> (u)\n y = MatMul (x, k)"
    found = parsed("(float[2,3,6] x, float[2,5,6] u) => (float[2,3,5] y)", body)
    assert ops(written(found)) == ["BATCH_MATMUL"]


@pytest.mark.parametrize(
    ("ports", "body", "said"),
    [
        ("(int32[2,3] x, int32[3,2] u) => (int32[2,2] y)", "y = MatMul (x, u)", "of int32"),
        ("(float[3,3] x, float[3,3] u) => (float[3] y)",
         'y = Einsum <equation = "ii,ij->j"> (x, u)', "no single product"),
        ("(uint8[2,3] x, uint8[3,2] u) => (int32[2,2] y)", "y = MatMulInteger (x, u)",
         "spells integers out"),
    ],
)  # fmt: skip
def test_what_is_no_product_of_reals_is_refused(ports, body, said):
    with pytest.raises(LoweringError, match=said) as caught:
        written(parsed(ports, body))
    assert "node y" in caught.value.where
    assert caught.value.fix
