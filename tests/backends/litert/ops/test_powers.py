"""Powers, by the operators that XNNPACK has where the exponent is known."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.powers import LOWERINGS
from tests.backends.litert.lowered import agree, missing, model, turns

EXPONENTS = [2.0, 3.0, 0.5, -0.5, 1.0, -1.0, 1.7, 0.0]


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_a_known_exponent(exponent):
    body = "a = Exp (x)\n y = Pow (a, e)"
    agree(model("float[2,3,4] x", body, e=np.float32(exponent)), 1e-3)


def test_every_op_of_the_table_is_run():
    assert not missing(LOWERINGS, "= Pow")


@pytest.mark.parametrize(
    ("exponent", "kind"), [(2.0, "SQUARE"), (0.5, "SQRT"), (-0.5, "RSQRT")]
)  # fmt: skip
def test_an_operator_of_its_own(exponent, kind):
    found = agree(model("float[2,3] x", "a = Exp (x)\n y = Pow (a, e)", e=np.float32(exponent)))
    assert found == ["EXP", kind]


def test_a_computed_exponent():
    agree(model("float[2,3] x, float[3] z", "a = Exp (x)\n y = Pow (a, z)"), 1e-4)


def test_the_order_of_memory_is_kept():
    assert turns("e = Constant <value_float = 2.0> ()\n d = Pow (c, e)", 1e-3) == 2
