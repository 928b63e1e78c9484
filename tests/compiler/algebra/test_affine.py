from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.algebra import affine
from mcompile.algebra.linear import Side

SIDE = Side(4, -3, 2)
TWO = np.float32([2, 4]).reshape(2, 1, 1)


def last(text, opset=17, **given):
    program = graph.parse(f'<ir_version: 8, opset_import: ["" : {opset}]> {text}', given)
    return list(program.graph.graph)[-1]


@pytest.mark.parametrize(
    ("op", "scale", "shift"),
    [
        ("Mul(x, c)", [2, 4], [0, 0]),
        ("Mul(c, x)", [2, 4], [0, 0]),
        ("Div(x, c)", [0.5, 0.25], [0, 0]),
        ("Add(c, x)", [1, 1], [2, 4]),
        ("Sub(x, c)", [1, 1], [-2, -4]),
        ("Sub(c, x)", [-1, -1], [2, 4]),
        ("BatchNormalization<epsilon = 0.0>(x, f, f, o, v)", [1, 2], [1, 2]),
    ],
)
def test_each_op_as_factor_and_shift(op, scale, shift):
    node = last(
        f"g (float[1,2,3,3] x) => (y) {{ y = {op} }}",
        c=TWO,
        f=np.float32([2, 4]),
        o=np.float32([0.5, 0.5]) * 2,
        v=np.float32([4, 4]),
    )
    assert affine.operand(node) is node.graph.inputs[0]
    found = affine.factors(node, SIDE)
    assert found is not None
    np.testing.assert_array_equal(found[0], scale)
    np.testing.assert_array_equal(found[1], np.array(shift))


@pytest.mark.parametrize(
    "op", ["Div(c, x)", "Mul(x, x)", "Mul(c, c)", "Relu(x)", "Add(x, k)", "Pow(x, c)"]
)
def test_what_is_no_factor_and_no_shift(op):
    text = f"g (float[1,2,3,3] x, float[2,1,1] k) => (y) {{ y = {op} }}"
    assert affine.operand(last(text, c=TWO)) is None


def test_before_opset_7_the_second_input_had_an_axis():
    text = "g (float[1,2,3,3] x) => (y) { y = Mul<broadcast = 1, axis = 1>(x, c) }"
    assert affine.operand(last(text, opset=6, c=np.float32([1, 2]))) is None


def test_a_norm_of_other_axes_or_channels_is_no_factor():
    node = last(
        "g (float[1,3,3] x) => (y) { y = BatchNormalization(x, f, f, f, f) }",
        f=np.float32([1, 1, 1]),
    )
    assert affine.factors(node, Side(3, -1, 3)) is None
    assert affine.factors(node, Side(None, -1, 3)) is None
    assert affine.factors(node, Side(3, -2, 2)) is None
    assert affine.factors(node, Side(3, -2, 3)) is not None


@pytest.mark.parametrize(
    ("norm", "reason"),
    [
        ("y = BatchNormalization(x, f, f, f, f)", ""),
        (
            "y, m, v = BatchNormalization<training_mode = 1>(x, f, f, f, f)",
            "the norm is in training mode",
        ),
        ("y = BatchNormalization<is_test = 0>(x, f, f, f, f)", "the norm is in training mode"),
        ("y = BatchNormalization<spatial = 0>(x, f, f, f, f)", "it norms each position on its own"),
    ],
)
def test_a_norm_that_learns_is_no_fixed_map(norm, reason):
    node = last(f"g (float[1,2,3,3] x) => (y) {{ {norm} }}", f=np.float32([1, 1]))
    assert affine.training(node) == reason
    assert (affine.operand(node) is None) == bool(reason)


def test_statistics_that_are_read_are_no_fixed_map():
    text = "g (float[1,2,3,3] x) => (y, m) { y, m, v = BatchNormalization(x, f, f, f, f) }"
    node = last(text, opset=13, f=np.float32([1, 1]))
    assert affine.training(node) == "its running statistics are read"
