"""Ops that spell integers out for other runtimes: refused with what to give instead."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.integer_forms import LOWERINGS
from tests.backends.litert.lowered import model, refused

CASES = {
    "ConvInteger": ("uint8[1,2,4,4] x", "y = ConvInteger (x, w)", "int32 y"),
    "DynamicQuantizeLinear": ("float[4] x", "q, t, u = DynamicQuantizeLinear (x)", "uint8 q"),
    "MatMulInteger": ("uint8[2,4] x", "y = MatMulInteger (x, m)", "int32 y"),
    "QLinearConv": ("uint8[1,2,4,4] x", "y = QLinearConv (x, s, z, w, s, z, s, z)", "uint8 y"),
    "QLinearMatMul": ("uint8[2,4] x", "y = QLinearMatMul (x, s, z, m, s, z, s, z)", "uint8 y"),
}
STORED = {"w": np.ones((3, 2, 2, 2), np.uint8), "m": np.ones((4, 3), np.uint8),
          "s": np.float32(0.5), "z": np.uint8(3)}  # fmt: skip


@pytest.mark.parametrize("op", CASES)
def test_it_is_refused_with_a_way_out(op):
    given, body, made = CASES[op]
    refused(model(given, body, made, **STORED), f"{op} spells integers out")


def test_every_op_of_the_table_is_refused():
    assert {*LOWERINGS} == {*CASES}
