"""What an operator takes in of the nodes behind it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mcompile.backends.litert.endings import ending, ends, stored_shape
from mcompile.backends.litert.lowering import lowerings

from .lowered import model

STORED = {"w": np.ones((3, 4), np.float32), "b": np.ones(4, np.float32), "lo": np.float32(0),
          "six": np.float32(6), "five": np.float32(5)}  # fmt: skip


def found(body, made="float y"):
    program = model("float[2,3] x", body, made, **STORED)
    node = next(iter(program.graph.graph))
    return ending(node, lowerings()[node.op_type])


@pytest.mark.parametrize(
    ("body", "nodes", "activation"),
    [
        ("a = MatMul (x, w)\n c = Add (a, b)\n y = Relu (c)", ["Add", "Relu"], "RELU"),
        ("a = MatMul (x, w)\n c = Add (b, a)\n y = Abs (c)", ["Add"], "NONE"),
        ("a = MatMul (x, w)\n y = Clip (a, lo, six)", ["Clip"], "RELU6"),
        ("a = MatMul (x, w)\n y = Clip (a, lo, five)", [], "NONE"),
        ("a = Add (x, x)\n y = Relu (a)", ["Relu"], "RELU"),
        ("a = Abs (x)\n y = Relu (a)", [], "NONE"),
    ],
)
def test_a_bias_and_an_activation_go_along(body, nodes, activation):
    one = found(body)
    assert [n.op_type for n in one.nodes] == nodes
    assert one.activation == activation
    assert (one.value is None) == (not nodes)


def test_what_somebody_else_reads_is_kept():
    assert not found("a = MatMul (x, w)\n y = Relu (a)\n z = Abs (a)", "float y, float z").nodes


def test_codes_of_activations_are_the_schemas():
    assert found("a = Add (x, x)\n y = Relu (a)").code == 1
    assert found("a = Add (x, x)\n y = Clip (a, lo, six)").code == 3


def test_ends_of_a_clip():
    program = model("float[2,3] x", "m = ReduceMax <keepdims = 0> (x)\n y = Clip (x, lo)\n"
                    "z = Clip (x, m, six)", "float y, float z", **STORED)  # fmt: skip
    clips = [n for n in program.graph.graph if n.op_type == "Clip"]
    assert ends(clips[0]) == (0, math.inf)
    low, high = ends(clips[1])
    assert math.isnan(low)
    assert high == 6


def test_the_shape_of_a_constant():
    node = next(iter(model("float[2,3] x", "y = MatMul (x, w)", **STORED).graph.graph))
    assert stored_shape(node.inputs[1]) == (3, 4)
    assert stored_shape(node.inputs[0]) is None
