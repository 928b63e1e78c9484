"""Trigonometric and hyperbolic functions, on the whole of where they are defined."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.angles import LOWERINGS
from tests.backends.litert.lowered import agree, model, refused

ENDS = {"Acos": (-1, 1), "Acosh": (1, 50), "Asin": (-1, 1), "Asinh": (-50, 50), "Atan": (-9, 9),
        "Atanh": (-0.99, 0.99), "Cosh": (-4, 4), "Sinh": (-4, 4), "Tan": (-1.4, 1.4)}  # fmt: skip


@pytest.mark.parametrize("op", ENDS)
def test_it_is_what_the_oracle_says(op):
    x = np.linspace(*ENDS[op], 501).astype(np.float32)
    agree(model("float[501] x", f"y = {op} (x)"), 5e-5, feeds=[{"x": x}])


def test_every_op_of_the_table_is_run():
    assert {*LOWERINGS} == {*ENDS}


def test_wide_floats_are_refused():
    refused(model("double[3] x", "y = Tan (x)", "double y"), "does not compute on float64")
