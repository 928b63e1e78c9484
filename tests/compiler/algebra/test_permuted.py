from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.algebra.permuted import form

HEAD = '<ir_version: 8, opset_import: ["" : 18]>'
LAST = (0, 2, 3, 1)


def node(text, given="float[2,3,4,5] x", **weights):
    program = graph.parse(f"{HEAD} g ({given}) => (y) {{ {text} }}", weights)
    graph.infer_shapes(program)
    return program.graph.graph.node(0)


def test_axes_are_renamed_and_constants_moved():
    assert form(node("y = Relu(x)"), LAST, 18).data == (0,)
    assert form(node("y = Concat<axis = -3>(x, x)"), LAST, 18).attributes == {"axis": 3}
    found = form(node("y = Mul(k, x)", k=np.ones((3, 1, 1), np.float32)), LAST, 18)
    assert found.data == (1,)
    assert found.constants[0].shape == (1, 1, 1, 3)
    found = form(node("y = Slice(x, k, k, a)", k=np.array([1]), a=np.array([-3])), LAST, 18)
    assert found.constants[3].tolist() == [3]
    found = form(node("y = Pad(x, p)", p=np.array([0, 1, 0, 0, 2, 3, 0, 0])), LAST, 18)
    assert found.constants[1].tolist() == [0, 0, 0, 1, 2, 0, 0, 3]


def test_a_single_number_is_left_as_it_is():
    found = form(node("y = Mul(x, k)", k=np.float32(2)), LAST, 18)
    assert (found.data, found.constants) == ((0,), {})
    found = form(node("y = Mul(x, k)", "float[2,3,4,5] x, float k"), LAST, 18)
    assert (found.data, found.constants) == ((0,), {})


def test_an_output_whose_moved_axes_are_gone_is_as_it_was():
    found = form(node("y = ReduceMax<keepdims = 0>(x, a)", a=np.array([2, 3])), LAST, 18)
    assert found.restored
    assert found.constants[1].tolist() == [1, 2]
    assert form(node("y = ReduceMax<keepdims = 0>(x, a)", a=np.array([2])), LAST, 18) is None
    assert form(node("y = ArgMax<axis = 1, keepdims = 0>(x)"), LAST, 18).restored


@pytest.mark.parametrize(
    "text",
    [
        "y = Add(x, z)",
        "y = Slice(x, s, s, s)",
        "y = Slice(x, s, s)",
        "y = Pad(x, s)",
        "y = Softmax(x)",
        "y = MatMul(x, k)",
        "y = LayerNormalization(x, z)",
        "y = ReduceMax(x, s)",
        "y = ReduceMax<keepdims = 0>(x)",
        "y = ArgMin<axis = 2, keepdims = 0>(x)",
        "y = Squeeze(x)",
        "y = Reshape(x, s)",
        "y = Flatten(x)",
        "y = QuantizeLinear(x, u)",
        "y = Identity(x)",
    ],
)
def test_what_has_no_such_form(text):
    given = "float[1,3,4,5] x, float[5] z, int64[4] s, float[3,3] u"
    assert form(node(text, given, k=np.ones((5, 5), np.float32)), LAST, 18) is None


def test_older_ops_and_other_domains_are_not_read():
    assert form(node("y = Relu(x)"), LAST, 12) is None
    other = node("y = Relu(x)")
    other.domain = "own"
    assert form(other, LAST, 18) is None
    assert form(node("y = Relu(x)", "float[2,3] x"), LAST, 18) is None
