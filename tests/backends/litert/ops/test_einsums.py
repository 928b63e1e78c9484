"""Einsums that are one product of matrices."""

from __future__ import annotations

import pytest

from mcompile.backends.litert.ops.einsums import LOWERINGS
from tests.backends.litert.lowered import agree, drawn, missing, model, refused

ROWS = [
    ("bqhd,bkhd->bhqk", "2,3,4,5", "2,6,4,5"), ("bhqk,bkhd->bqhd", "2,4,3,6", "2,6,4,5"),
    ("ij,jk->ik", "3,4", "4,5"), ("ij,kj->ki", "3,4", "5,4"), ("bij,bjk->bik", "2,3,4", "2,4,5"),
    ("bhwc,hkc->bhwk", "2,3,4,5", "3,6,5"), ("bhwc,wkc->bhwk", "2,3,4,5", "4,6,5"),
    ("bij,jk->bik", "2,3,4", "4,5"), ("jk,bij->bik", "4,5", "2,3,4"),
    ("bthk,hkd->btd", "2,3,4,5", "4,5,6"), ("abcdij,abcdjk->abcdik", "1,2,3,2,4,5", "1,2,3,2,5,3"),
    ("...ij,...kj->...ik", "2,3,4,5", "2,3,6,5"), ("...id,jd->...ij", "2,3,4,5", "6,5"),
    ("i,j->ij", "3", "4"), ("bi,j->bij", "2,3", "4"), ("bij,bij->bij", "2,3,4", "2,3,4"),
    ("bhn,bhd->bhnd", "2,3,4", "2,3,5"), ("bij,bij->", "2,3,4", "2,3,4"),
    ("bij,bij->b", "2,3,4", "2,3,4"), ("bijl,bjk->kib", "2,3,4,2", "2,4,5"),
    ("ij,jk", "3,4", "4,5"), ("bi,i->b", "2,4", "4"),
]  # fmt: skip


@pytest.mark.parametrize(("equation", "left", "right"), ROWS)
def test_two_computed_operands(equation, left, right):
    body = f'y = Einsum <equation = "{equation}"> (x, z)'
    agree(model(f"float[{left}] x, float[{right}] z", body), 2e-5)


FLAT = [
    ("ij,jk->ik", (4, 5)), ("ij,kj->ki", (5, 4)), ("ij,jhd->ihd", (4, 2, 5)),
    ("ij,jhd->dhi", (4, 2, 5)), ("ij,ijk->k", (3, 4, 5)), ("ij,ji->", (4, 3)),
]  # fmt: skip


@pytest.mark.parametrize(("equation", "shape"), FLAT)
@pytest.mark.parametrize("first", [False, True])
def test_a_constant_operand_is_a_layer(equation, shape, first):
    left, rest = equation.split(",")
    right, out = rest.split("->")
    said, names = (f"{right},{left}->{out}", "w, x") if first else (equation, "x, w")
    body = f'y = Einsum <equation = "{said}"> ({names})'
    assert "FULLY_CONNECTED" in agree(model("float[3,4] x", body, **drawn(w=shape)), 1e-5)


def test_a_constant_for_each_of_a_batch():
    body = 'y = Einsum <equation = "bhc,hkc->bhk"> (x, w)'
    found = agree(model("float[2,3,4] x", body, **drawn(w=(3, 5, 4))), 1e-5)
    assert "BATCH_MATMUL" in found


@pytest.mark.parametrize(
    "equation", ["ijk->kij", "ijk->i", "ijk->", "ijk->ki", "...k->k...", "kij"]
)
def test_one_operand(equation):
    agree(model("float[2,3,4] x", f'y = Einsum <equation = "{equation}"> (x)'), 1e-5)


def test_an_axis_of_one_that_is_repeated_is_refused():
    body = 'y = Einsum <equation = "bij,bjk->bik"> (x, z)'
    refused(model("float[1,3,4] x, float[2,4,5] z", body), "repeats an axis of 1")


def test_every_op_of_the_table_is_run():
    assert {*LOWERINGS} == {"Einsum"}
    assert not missing(LOWERINGS, "= Einsum")


FREE = [
    ("bij,bkj->bik", "float[n,3,4] x, float[n,5,4] z"),
    ("bij,jk->bik", "float[n,3,4] x, float[4,5] z"),
    ("kj,bij->bik", "float[5,4] x, float[n,3,4] z"),
    ("bhid,hjd->bhij", "float[n,2,3,4] x, float[2,5,4] z"),
    ("bi,j->bij", "float[n,3] x, float[4] z"),
]  # fmt: skip


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("equation", "given"), FREE)
def test_a_free_batch(equation, given, batch):
    body = f'y = Einsum <equation = "{equation}"> (x, z)'
    agree(model(given, body), 1e-5, (batch,))


@pytest.mark.parametrize("equation", ["ii,ij->j", "ij,jk,kl->il", "ii->i", "ij->ijk"])
def test_what_is_no_single_product_is_refused(equation):
    names = ", ".join("x" * (equation.count(",") + 1))
    body = f'y = Einsum <equation = "{equation}"> ({names})'
    refused(model("float[3,3] x", body, "float[3] y"), "no single product")
