"""Averages of integers."""

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.simulate.coded import Coded
from mcompile.simulate.pools import average_pool, mean, reduced
from mcompile.simulate.requantize import Exit
from mcompile.types import QParams

from .sandwiches import LITE, X86

ONE = QParams(np.asarray(1.0, np.float32), np.asarray(0, np.int8), "int8")
PAIRS = ir.node("AveragePool", [None], {"kernel_shape": [2], "strides": [2]})


def line(*codes):
    return Coded(np.int8([[codes]]), ONE)


def test_halves_go_to_even_in_floats_and_away_from_zero_in_integers():
    data = line(1, 2, 2, 3, -1, -2)
    assert average_pool(PAIRS, data, Exit(ONE), X86).tolist() == [[[2, 2, -2]]]
    assert average_pool(PAIRS, data, Exit(ONE), LITE).tolist() == [[[2, 3, -2]]]


def test_what_is_padded_counts_where_the_node_says_so():
    how = {"kernel_shape": [2], "strides": [2], "pads": [1, 1]}
    data = line(8, 4, 4, 8)
    alone, counted = (
        ir.node("AveragePool", [None], {**how, "count_include_pad": c}) for c in (0, 1)
    )
    assert average_pool(alone, data, Exit(ONE), X86).tolist() == [[[8, 4, 8]]]
    assert average_pool(counted, data, Exit(ONE), X86).tolist() == [[[4, 4, 4]]]


def test_whole_axes_are_averaged_with_their_zero_point():
    from_zero = QParams(ONE.scale, np.asarray(-100, np.int8), "int8")
    data = Coded(np.int8([[1, 2, 3, 6]]), from_zero)
    for scheme in (X86, LITE):
        assert mean(data, [1], True, Exit(from_zero), scheme).tolist() == [[3]]
    assert mean(data, [1], False, Exit(None), X86).tolist() == [103.0]


def test_axes_come_from_an_attribute_or_a_constant():
    by_name = ir.node("ReduceMean", [None], {"axes": [-1, 1]})
    assert reduced(by_name, 4) == [3, 1]
    text = """<ir_version: 9, opset_import: ["": 18]>
    net (float[2,3,4] x, int64[1] a) => (float y, float z, float e) {
      y = ReduceMean (x, c)
      z = ReduceMean (x, a)
      e = ReduceMean (x)
    }"""
    nodes = list(graph.parse(text, {"c": np.array([-2])}).graph.graph)
    assert [reduced(n, 3) for n in nodes] == [[1], None, [0, 1, 2]]
