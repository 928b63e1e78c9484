"""What rules ask about the surroundings of a node."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.algebra.patterns import filled, made, read_by, scalar, seen, stand_in, widened

TEXT = """<ir_version: 8, opset_import: ["": 17, "com.microsoft": 1]>
g (float[2,3] x, bool p) => (float[2,3] y, float[2,3] r, float[2,3] z) {
    a = Relu(x) b = Add(a, h) y = Mul(b, w) r = Relu(h1) c = com.microsoft.Gelu(x)
    d = Sigmoid(a) e = Mul(d, d)
    z = If (p) <
        then_branch = t () => (q) { q = Tanh(e) }, else_branch = f () => (s) { s = Neg(c) }
    >
}"""


@pytest.fixture
def node():
    weights = {"h": np.float32(0.5), "h1": np.ones((2, 3), np.float32), "w": np.ones((1, 1, 3))}
    weights["w"] = weights["w"].astype(np.float32)
    program = graph.parse(TEXT, weights)
    by_output = {n.outputs[0].name: n for n in program.graph.graph.all_nodes()}
    return by_output.__getitem__


def test_the_maker_is_asked_for_by_op(node):
    assert made(node("b").inputs[0], "Relu", "Clip") is node("a")
    assert made(node("b").inputs[0], "Clip") is None
    assert made(node("a").inputs[0], "Relu") is None
    assert made(None, "Relu") is None
    assert made(node("s").inputs[0], "Gelu") is None  # of another domain


def test_a_scalar_is_a_constant_of_one_element(node):
    assert scalar(node("b").inputs[1]) == 0.5
    assert scalar(node("r").inputs[0]) is None
    assert scalar(node("a").inputs[0]) is None
    assert scalar(None) is None


def test_who_else_reads_is_said(node):
    assert seen([node("b")], node("y")) == ""
    assert seen([node("a")], node("b")) == "a has other readers"
    assert seen([node("r")], node("y")) == "r is an output"
    assert seen([node("e")], node("q")) == "e is computed outside of this branch"


def test_who_else_reads_what_is_between_is_said(node):
    assert read_by(node("y"), node("b").outputs[0]) == ""
    assert read_by(node("b"), node("a").outputs[0]) == "a has other readers"
    assert read_by(node("e"), node("d").outputs[0]) == "d has other readers"
    assert read_by(node("y"), node("r").outputs[0]) == "r is an output"
    assert read_by(node("q"), node("e").outputs[0]) == "e is computed outside of this branch"


def test_a_constant_of_higher_rank_would_widen(node):
    x = node("a").inputs[0]
    assert widened([node("b")], x) == ""
    assert widened([node("b"), node("y")], x) == "w may have more dimensions than x"


@pytest.mark.parametrize(
    ("text", "ones", "zeros"),
    [
        ("f = Expand(one, t)", True, False),
        ("f = ConstantOfShape(t)", False, True),
        ("f = ConstantOfShape<value = int64[1] {1}>(t)", True, False),
        ("e = ConstantOfShape(t) f = Slice(e, one_i, t)", False, True),
        ("e = Expand(one, t) f = Mul(e, one)", True, False),
        ("e = Expand(one, t) f = Mul(e, half)", False, False),
        ("e = Expand(one, t) f = Add(e, one)", False, False),
        ("f = Cast<to = 1>(one_i)", True, False),
        ("f = Relu(x)", False, False),
        ("f = Identity(many)", True, False),
        ("f = Identity(mixed)", False, False),
        ("f = Identity(none)", False, False),
    ],
)
def test_a_fill_is_known_whatever_its_size(text, ones, zeros):
    weights = {
        "one": np.float32(1),
        "half": np.float32(0.5),
        "one_i": np.array([1]),
        "many": np.ones(5, np.float32),
        "mixed": np.float32([1, 2]),
        "none": np.ones(0, np.float32),
    }
    head = '<ir_version: 8, opset_import: ["": 17]>'
    made_of = f"{head} g (float[2] x, int64[1] t) => (f) {{ {text} }}"
    value = graph.parse(made_of, weights).graph.graph.outputs[0]
    assert (filled(value, 1), filled(value, 0)) == (ones, zeros)


def test_nothing_is_no_fill():
    assert not filled(None, 0)


@pytest.mark.parametrize("inner", [True, False])
def test_a_new_node_stands_under_the_name_of_the_last(inner):
    text = "b = Relu(x) y = Neg(b)" if inner else "y = Relu(x)"
    head = '<ir_version: 8, opset_import: ["": 17]>'
    program = graph.parse(f"{head} g (float[2] x) => (float[2] y) {{ {text} }}")
    last = next(n for n in program.graph.graph if n.op_type == "Relu")
    name = last.outputs[0].name
    stand_in(ir.node("Abs", [last.inputs[0]], name="new"), last)
    made_now = next(n for n in program.graph.graph if n.op_type == "Abs")
    assert made_now.outputs[0].name == name
    assert graph.is_dead(last)
    assert [v.name for v in program.graph.graph.outputs] == ["y"]
