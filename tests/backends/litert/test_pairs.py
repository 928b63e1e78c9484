"""What Q/DQ pairs say of a value."""

from __future__ import annotations

import numpy as np

from mcompile.backends.litert.draft import Quant
from mcompile.backends.litert.pairs import (
    code_of,
    data_of,
    is_pair,
    is_real,
    quant_of,
    quantizers,
)

from .lowered import model

BODY = """q = QuantizeLinear (x, s, z)
d = DequantizeLinear (q, s, z)
w = DequantizeLinear <axis = 0> (c, t)
r = MatMul (d, w)
p = QuantizeLinear (r, s, z)
y = DequantizeLinear (p, s, z)
v = Relu (x)"""
FOUND = model("float[2,3] x", BODY, "float y, float v", s=np.float32(0.5), z=np.int8(4),
              c=np.ones((3, 2), np.int8), t=np.float32([0.5, 0.25, 1]))  # fmt: skip
NODES = {n.outputs[0].name: n for n in FOUND.graph.graph}
VALUES = {o.name: o for n in FOUND.graph.graph for o in n.outputs}


def test_pairs_and_reals_are_told_apart():
    assert is_pair(NODES["q"])
    assert not is_pair(NODES["r"])
    assert is_real(VALUES["d"])
    assert not is_real(VALUES["q"])


def test_a_real_value_stands_for_its_codes():
    assert code_of(VALUES["d"]) is VALUES["q"]
    assert code_of(VALUES["r"]) is None


def test_quantizers_are_all_readers_or_none():
    assert quantizers(VALUES["r"]) == [NODES["p"]]
    assert quantizers(FOUND.graph.graph.inputs[0]) == []  # v reads x as it is
    assert quantizers(VALUES["y"]) == []


def test_scales_and_zero_points():
    assert quant_of(NODES["q"]) == Quant((0.5,), (4,))
    assert quant_of(NODES["w"]) == Quant((0.5, 0.25, 1.0), (0, 0, 0), 0)
    assert quant_of(None) is None


def test_what_says_how_is_no_data():
    body = (
        "m = ReduceMax <keepdims = 0> (x)\n y = Clip (x, m)\n p = Pow (x, two)\n a = Add (x, two)"
    )
    made = model("float[2,3] x", body, "float y, float p, float a", two=np.float32(2))
    nodes = {n.op_type: n for n in made.graph.graph}
    counts = {op: len(data_of(n)) for op, n in nodes.items()}
    assert counts == {"ReduceMax": 1, "Clip": 1, "Pow": 1, "Add": 2}
