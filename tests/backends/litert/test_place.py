"""Whether a node is on integers, and what errors call it."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.lowering import lowerings
from mcompile.backends.litert.place import origin_of, placed, refusal, unknown

from .lowered import model

FINEST = 0.2 / 2**20
"""A kernel that sums codes of 0.1 aborts where its own are of no coarser a scale."""
ENDS = {"s": np.float32(0.1), "z": np.int8(0), "u": np.uint16(0)}
ENDS |= {"coarse": np.float32(1.01 * FINEST), "fine": np.float32(0.99 * FINEST)}
PAIR = "q = QuantizeLinear (x, s, z)\n d = DequantizeLinear (q, s, z)\n"


@pytest.mark.parametrize(
    ("body", "op", "wanted"),
    [
        (PAIR + "r = Abs (d)\n y = QuantizeLinear (r, s, z)", "Abs", True),
        (PAIR + "r = Abs (x)\n y = QuantizeLinear (r, s, z)", "Abs", False),
        (PAIR + "y = Abs (d)", "Abs", False),
        (PAIR + "r = Mean (d)\n y = QuantizeLinear (r, s, z)", "Mean", False),
        (PAIR + "r = Add (d, x)\n y = QuantizeLinear (r, s, z)", "Add", False),
        (PAIR + "r = Add (d, d)\n y = QuantizeLinear (r, coarse, z)", "Add", True),
        (PAIR + "r = Add (d, d)\n y = QuantizeLinear (r, fine, z)", "Add", False),
        (PAIR + "r = Sub (d, d)\n y = QuantizeLinear (r, fine, z)", "Sub", False),
    ],
)
def test_codes_on_both_sides_and_a_kernel(body, op, wanted):
    made = "int8 y" if "y = Quant" in body else "float y"
    program = model("float[2,3] x", body, made, **ENDS)
    node = next(n for n in program.graph.graph if n.op_type == op)
    assert placed(node, lowerings()[op]).integers is wanted


def test_errors_name_node_and_op():
    node = next(iter(model("float[2] x", "y = Abs (x)").graph.graph))
    assert origin_of(node) == "node y (Abs)"
    assert refusal(node, "what", "how").where == "node y (Abs)"
    assert "no builtin operator for Abs" in unknown(node).what
    node.domain = "com.example"
    assert "for com.example.Abs" in unknown(node).what
