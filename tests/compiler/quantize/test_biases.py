"""Where biases stand, and that a shift moves the output by as much."""

import re

import numpy as np
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize.biases import channels_last, move, outlet, shape_of

HEAD = '<ir_version: 9, opset_import: ["": 17]>\n'
RNG = np.random.default_rng(0)
CONV = {"w": RNG.standard_normal((4, 3, 3, 3), np.float32), "b": np.ones(4, np.float32)}
LINEAR = {"w": RNG.standard_normal((3, 4), np.float32), "b": np.ones(4, np.float32)}
IMAGE = "net (float[1,3,8,8] x) => (float[1,4,6,6] y) {{ {} }}"
ROWS = "net (float[2,3] x) => (float[2,4] y) {{ {} }}"
CASES = [
    (IMAGE, "y = Conv(x, w, b)", CONV),
    (IMAGE, "y = Conv(x, w)", CONV),
    (ROWS, "y = Gemm(x, w, b)", LINEAR),
    (ROWS, "y = Gemm(x, w)", LINEAR),
    (ROWS, "m = MatMul(x, w) \n y = Add(m, b)", LINEAR),
    (ROWS, "m = MatMul(x, w) \n y = Add(b, m)", LINEAR),
    (ROWS, "y = Gemm(x, w, b)", {**LINEAR, "b": np.ones(1, np.float32)}),
]


def parsed(text, body, weights):
    used = {k: v for k, v in weights.items() if re.search(rf"\b{k}\b[,)]", body)}
    program = graph.parse(HEAD + text.format(body), used)
    graph.infer_shapes(program)
    return program


@pytest.mark.parametrize(("text", "body", "weights"), CASES)
def test_a_shift_moves_each_channel_of_the_output_by_as_much(text, body, weights):
    before, after = parsed(text, body, weights), parsed(text, body, weights)
    layer = next(iter(after.graph.graph))
    shift = np.array([0.5, -1.0, 0.0, 2.0], np.float32)
    out = outlet(layer)
    assert out is not None
    assert out.name == "y"
    move(after.graph.graph, {"y": shift})
    feeds = {"x": RNG.standard_normal(before.inputs[0].shape).astype(np.float32)}
    one, other = (Oracle(p).run(feeds)["y"] for p in (before, after))
    np.testing.assert_allclose(other, one + shape_of(layer, shift, one.ndim), atol=1e-5)
    moved = channels_last(layer, other).mean(axis=0) - channels_last(layer, one).mean(axis=0)
    np.testing.assert_allclose(moved, shift, atol=1e-5)


def test_a_shared_bias_is_moved_for_one_layer_alone():
    program = parsed(ROWS, "h = Gemm(x, w, b) \n k = Gemm(x, w, b) \n y = Add(h, k)", LINEAR)
    move(program.graph.graph, {"h": np.ones(4, np.float32)})
    first, second, _ = program.graph.graph
    np.testing.assert_array_equal(graph.array(first.inputs[2]), np.full(4, 2.0))
    np.testing.assert_array_equal(graph.array(second.inputs[2]), np.ones(4))


@pytest.mark.parametrize(
    "body",
    ["y = MatMul(x, w)", "m = MatMul(x, w) \n y = Add(m, m)", "r = Relu(c) \n y = Gemm(x, w, r)"],
)
def test_a_layer_that_can_have_no_bias_has_no_outlet(body):
    program = parsed(ROWS, body, {**LINEAR, "c": np.ones(4, np.float32)})
    layer = next(n for n in program.graph.graph if n.op_type in {"Gemm", "MatMul"})
    assert outlet(layer) is None


def test_a_constant_of_many_rows_is_no_bias():
    wide = {"w": LINEAR["w"], "b": np.ones((2, 4), np.float32)}
    program = parsed(ROWS, "m = MatMul(x, w) \n y = Add(m, b)", wide)
    assert outlet(next(iter(program.graph.graph))) is None
