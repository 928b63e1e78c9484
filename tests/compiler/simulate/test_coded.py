"""Codes and the numbers they stand for."""

import numpy as np

from mcompile import graph
from mcompile.simulate.coded import Coded, params_of, saturated
from mcompile.types import QParams


def node(text, weights):
    program = graph.parse(text, weights)
    return next(n for n in program.graph.graph if n.op_type.endswith("Linear"))


def test_codes_stand_for_numbers_along_their_axis():
    params = QParams(np.float32([0.5, 2]), np.int8([1, -1]), "int8", 1)
    one = Coded(np.int8([[3, 4], [127, -128]]), params)
    np.testing.assert_array_equal(one.centered(), [[2, 5], [126, -127]])
    np.testing.assert_array_equal(one.real(), np.float32([[1, 10], [63, -254]]))


def test_codes_are_held_within_their_type_and_what_an_activation_allows():
    params = QParams(np.asarray(0.5, np.float32), np.asarray(10, np.uint8), "uint8")
    codes = np.array([-5, 12, 300])
    assert saturated(codes, params, -np.inf, np.inf).tolist() == [0, 12, 255]
    assert saturated(codes, params, 0.0, 6.0).tolist() == [10, 12, 22]


def test_parameters_are_read_from_a_node():
    text = """<ir_version: 9, opset_import: ["": 19]>
    net (int8[2,3,4] x) => (float[2,3,4] y) { y = DequantizeLinear <axis = -2> (x, s, z) }"""
    found = params_of(node(text, {"s": np.ones(3, np.float32), "z": np.zeros(3, np.int8)}))
    assert found is not None
    assert (found.axis, found.dtype) == (1, "int8")


def test_one_scale_in_a_vector_is_a_scalar():
    text = """<ir_version: 9, opset_import: ["": 19]>
    net (uint8[2,3] x) => (float[2,3] y) { y = DequantizeLinear (x, s) }"""
    found = params_of(node(text, {"s": np.ones(1, np.float32)}))
    assert found is not None
    assert (found.axis, found.dtype, found.scale.ndim) == (None, "uint8", 0)


def test_parameters_that_are_computed_or_in_blocks_are_none():
    text = """<ir_version: 10, opset_import: ["": 21]>
    net (int8[4,4] x, float s) => (float[4,4] y) { y = DequantizeLinear (x, s) }"""
    assert params_of(node(text, {})) is None
    text = """<ir_version: 10, opset_import: ["": 21]>
    net (int8[4,4] x) => (float[4,4] y) {
      y = DequantizeLinear <block_size = 2, axis = 0> (x, s)
    }"""
    assert params_of(node(text, {"s": np.ones((2, 4), np.float32)})) is None
