"""Einsums that are one product of matrices."""

from __future__ import annotations

import pytest

from mcompile.backends.litert.ops.einsums import LOWERINGS
from tests.backends.litert.lowered import agree, drawn, missing, model, refused

ROWS = [
    ("bqhd,bkhd->bhqk", "2,3,4,5", "2,6,4,5"), ("bhqk,bkhd->bqhd", "2,4,3,6", "2,6,4,5"),
    ("ij,jk->ik", "3,4", "4,5"), ("ij,kj->ki", "3,4", "5,4"), ("bij,bjk->bik", "2,3,4", "2,4,5"),
]  # fmt: skip


@pytest.mark.parametrize(("equation", "left", "right"), ROWS)
def test_two_computed_operands(equation, left, right):
    body = f'y = Einsum <equation = "{equation}"> (x, z)'
    agree(model(f"float[{left}] x, float[{right}] z", body), 2e-5)


@pytest.mark.parametrize(("equation", "shape"), [("ij,jk->ik", (4, 5)), ("ij,kj->ki", (5, 4))])
def test_a_constant_operand(equation, shape):
    body = f'y = Einsum <equation = "{equation}"> (x, w)'
    assert agree(model("float[3,4] x", body, **drawn(w=shape)), 1e-5)[0] == "BATCH_MATMUL"


def test_every_op_of_the_table_is_run():
    assert {*LOWERINGS} == {"Einsum"}
    assert not missing(LOWERINGS, "= Einsum")


@pytest.mark.parametrize("batch", [1, 3])
def test_a_free_batch(batch):
    body = 'y = Einsum <equation = "bij,bkj->bik"> (x, z)'
    agree(model("float[n,3,4] x, float[n,5,4] z", body), 1e-5, (batch,))


@pytest.mark.parametrize("equation", ["ii,ij->j", "ij,jk,kl->il", "ij,ij->"])
def test_what_is_no_single_product_is_refused(equation):
    names = ", ".join("x" * (equation.count(",") + 1))
    body = f'y = Einsum <equation = "{equation}"> ({names})'
    refused(model("float[3,3] x", body, "float[3] y"), "no single product")
