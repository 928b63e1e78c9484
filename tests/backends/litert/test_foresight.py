"""The order in which the readers of a value will want it."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.foresight import wanted

from .lowered import model

LAST, PLAIN = (0, 2, 3, 1), (0, 1, 2, 3)
STORED = {"w": np.ones((4, 4, 1, 1), np.float32), "k": np.ones((6, 2), np.float32),
          "g": np.ones(6, np.float32), "axes": np.array([0]), "s": np.float32(0.5),
          "z": np.int8(0)}  # fmt: skip
ROWS = {
    "a window wants channels last": ("y = Conv (a, w)", LAST),
    "an output keeps the program's order": ("b = Abs (x)", PLAIN),
    "a product wants its own": ("y = MatMul (a, k)", PLAIN),
    "a norm wants its own": ("y = LayerNormalization (a, g)", PLAIN),
    "through what has no wish": ("b = Sigmoid (a)\n c = Abs (b)\n y = Conv (c, w)", LAST),
    "through a transpose": (
        "b = Transpose <perm = [0, 3, 1, 2]> (a)\n c = Reshape (b, to)\n y = Conv (b, v)",
        (0, 1, 2, 3),
    ),
    "through a pair": (
        "q = QuantizeLinear (a, s, z)\n d = DequantizeLinear (q, s, z)\n y = Conv (d, w)", LAST,
    ),
    "through a squeeze": ("b = Squeeze (a, axes)\n y = Softmax (b)", PLAIN),
    "most of several": ("b = Conv (a, w)\n c = Conv (a, w)\n e = MatMul (a, k)\n"
                        "f = Add (b, c)\n t = ReduceSum (e)\n y = Add (f, t)", LAST),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_readers_are_asked(name):
    body, order = ROWS[name]
    more = {"v": np.ones((2, 6, 1, 1), np.float32), "to": np.array([-1])}
    if name.startswith("an output"):
        program = model("float[1,4,5,6] x", "a = Neg (x)", "float a")
    else:
        program = model("float[1,4,5,6] x", f"a = Neg (x)\n{body}", **STORED, **more)
    node = next(n for n in program.graph.graph if n.outputs[0].name == "a")
    assert wanted(node.outputs[0]) == order


def test_nobody_cares():
    program = model("float[1,4,5,6] x", "a = Neg (x)\n s = Shape (a)\n y = Cast <to = 1> (s)")
    node = next(n for n in program.graph.graph if n.op_type == "Neg")
    assert wanted(node.outputs[0]) is None


def test_the_look_ahead_ends():
    chain = "\n".join(f"a{k + 1} = Abs (a{k})" for k in range(20))
    program = model("float[1,4,5,6] x", f"a0 = Neg (x)\n{chain}\n y = Conv (a20, w)", **STORED)
    first, *_, last = (n.outputs[0] for n in program.graph.graph if n.op_type != "Conv")
    assert wanted(first) is None
    assert wanted(last) == LAST
