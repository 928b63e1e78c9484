"""A convolution makes its channels in the order that a reader wants, where nobody else looks."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.channels import is_alone

from .lowered import agree, drawn, model

CONV = "c = Conv (x, w, b)\n"
CUT = "r = Reshape (c, to)\n"
SOFT = "s = Softmax <axis = 1> (r)\nt = Gather <axis = 1> (s, first)\ny = Mul (t, t)"
STORED = {"to": np.array([1, 2, 4, 1, 1]), "first": np.array(0)}


def attended(body, seed=3):
    stored = drawn(seed, 1.0, w=(8, 3, 1, 1), b=(8,)) | STORED
    return agree(model("float[1,3,1,1] x", body, **stored), 1e-5)


def test_the_kernel_is_stored_in_the_order_of_the_softmax():
    assert "TRANSPOSE" not in attended(CONV + CUT + SOFT)


def test_an_activation_that_is_fused_keeps_the_channels():
    body = "d = Conv (x, w, b)\nc = Relu (d)\n" + CUT + SOFT
    assert "TRANSPOSE" not in attended(body)


@pytest.mark.parametrize(
    "body",
    [
        CONV + CUT + SOFT.replace("y = Mul (t, t)", "f = Flatten (c)\nu = Flatten (t)\n"
                                  "g = ReduceSum <keepdims = 1> (f)\ny = Mul (u, g)"),
        CONV + CUT + SOFT.replace("Mul (t, t)", "Mul (t, r)"),
        "d = Conv (x, w, b)\nc = Identity (d)\n" + CUT
        + SOFT.replace("y = Mul (t, t)", "m = ArgMax <axis = 1> (d)\nn = Cast <to = 1> (m)\n"
                       "y = Add (t, n)"),
    ],
)  # fmt: skip
def test_who_else_reads_them_finds_them_as_they_were(body):
    attended(body)


def test_what_the_convolution_did_not_make_is_moved():
    body = CONV.replace("c =", "d =") + "c = Sigmoid (d)\n" + CUT + SOFT
    assert "TRANSPOSE" in attended(body)


@pytest.mark.parametrize(
    ("body", "alone"),
    [
        ("a = Conv (x, w)\n y = Abs (a)", True),
        ("c = Conv (x, w)\n d = Relu (c)\n a = Flatten (d)\n y = Abs (a)", True),
        ("c = Conv (x, w)\n a = Flatten (c)\n y = Abs (a)\n z = Abs (c)", False),
        ("c = Conv (x, w)\n a = Identity (c)\n y = Abs (a)", False),
        ("a = Neg (x)\n y = Abs (a)", False),
        ("a = Conv (x, w)\n y = Mul (a, a)", False),
    ],
)
def test_alone(body, alone):
    ports = "float y, float z" if "z =" in body else "float y"
    program = model("float[1,3,2,2] x", body, ports, w=np.ones((8, 3, 1, 1), np.float32))
    node = next(n for n in program.graph.graph if n.outputs[0].name == "a")
    assert is_alone(node.outputs[0]) is alone
