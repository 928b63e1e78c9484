"""No kernel computes over what is read again."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.draft import Draft
from mcompile.backends.litert.sharing import IN_PLACE, unshare

from .lowered import agree, model

SHAPE = {"flat": np.array([32, 8]), "w": np.ones((32, 8), np.float32)}
CASES = {"SOFTMAX": "Softmax (b)", "ADD": "Add (b, w)", "SUB": "Sub (b, w)", "MUL": "Mul (b, w)",
         "DIV": "Div (b, w)"}  # fmt: skip


def written(then, later="Exp (a)", first="Softmax (n)"):
    body = f"""n = Transpose <perm = [0, 1, 3, 2]> (x)
    a = {first}
    b = Reshape (a, flat)
    c = {then}
    h = Transpose <perm = [1, 0]> (c)
    y = Exp (h)
    z = {later}"""
    stored = {k: v for k, v in SHAPE.items() if k == "flat" or " w)" in then}
    return agree(model("float[1,4,8,8] x", body, "float y, float z", **stored))


@pytest.mark.parametrize("then", CASES.values())
def test_what_is_read_later_is_copied(then):
    assert written(then).count("SLICE") == 1


def test_every_kernel_that_computes_in_place_is_tried():
    assert set(CASES) == IN_PLACE


@pytest.mark.parametrize(
    ("then", "later", "first"),
    [
        ("Exp (b)", "Exp (a)", "Softmax (n)"),  # in memory of its own
        ("Softmax (b)", "Exp (x)", "Softmax (n)"),  # nobody reads a later
        ("Softmax (b)", "Exp (a)", "LogSoftmax (n)"),  # a has memory of its own
    ],
)
def test_nothing_is_copied_without_need(then, later, first):
    assert "SLICE" not in written(then, later, first)


def test_the_copy_is_on_the_side_of_fewer_axes():
    for before, behind in (((2, 3, 4), (6, 4)), ((6, 4), (2, 3, 4))):
        draft = Draft()
        x, a = (draft.tensor(n, before, "float32") for n in "xa")
        b, c = (draft.tensor(n, behind, "float32") for n in "bc")
        draft.emit("SOFTMAX", [x], [a], "SoftmaxOptions", beta=1.0)
        draft.reshape(a, b)
        draft.emit("SOFTMAX", [b], [c], "SoftmaxOptions", beta=1.0)
        unshare(draft, [a, c])
        copy = next(op for op in draft.ops if op.kind == "SLICE")
        assert copy.outputs[0].shape == (6, 4)
        assert len(draft.ops) == 4
