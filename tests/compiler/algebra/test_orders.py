from __future__ import annotations

import itertools

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra.orders import both, is_straight, order_of, reversing


def test_orders_follow_numpy():
    x = np.arange(24).reshape(2, 3, 4)
    for one, other in itertools.product(itertools.permutations(range(3)), repeat=2):
        there = x.transpose(one)
        np.testing.assert_array_equal(there.transpose(other), x.transpose(both(one, other)))
        np.testing.assert_array_equal(there.transpose(reversing(one)), x)
        assert is_straight(both(one, other)) == (other == reversing(one))


def test_a_transpose_without_an_order_reverses_all_axes():
    def node(text):
        head = '<ir_version: 8, opset_import: ["" : 18]>'
        program = graph.parse(f"{head} g (float[2,3,4,5] x) => (y) {{ y = {text}(x) }}")
        return program.graph.graph.node(0)

    assert order_of(node("Transpose")) == (3, 2, 1, 0)
    assert order_of(node("Transpose<perm = [0, 2, 3, 1]>")) == (0, 2, 3, 1)
    assert order_of(node("Relu")) is None
    assert order_of(None) is None
    assert order_of(ir.Node("", "Transpose", [ir.Value(name="x")])) is None
