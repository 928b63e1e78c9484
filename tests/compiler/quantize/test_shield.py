"""A float layer between integer ones stays float in the runtime that would quantize it."""

import sys
from collections import Counter

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize import insert, observe, plan
from mcompile.quantize.shield import shield

from .nets import SCHEME, samples

CONVS = """net (float[1,4,8,8] x) => (float[1,4,8,8] y) {
  a = Conv (x, u)
  r = Relu(a)
  k = Conv (r, v)
  s = Clip(k, low, high)
  b = Conv <group = 2> (s, w)
  t = Relu(b)
  c = Conv (t, u)
  y = Sigmoid(c)
}"""
GEMMS = """net (float[1,4] x) => (float[1,4] y) {
  r = Gemm(x, u)
  k = Gemm <transB = 1> (r, v)
  s = Relu(k)
  b = Gemm(s, w)
  y = Sigmoid(b)
}"""
SIZES = {
    CONVS: {"u": (4, 4, 1, 1), "v": (4, 4, 1, 1), "w": (4, 2, 1, 1), "low": (), "high": ()},
    GEMMS: {"u": (4, 5), "v": (3, 5), "w": (3, 4)},
}


def quantized(*kept, text=CONVS):
    rng = np.random.default_rng(0)
    weights = {n: rng.standard_normal(s, np.float32) for n, s in SIZES[text].items()}
    weights |= {"low": np.float32(-1), "high": np.float32(6)} if text == CONVS else {}
    program = graph.parse('<ir_version: 9, opset_import: ["": 17]>\n' + text, weights)
    graph.infer_shapes(program)
    ranges = observe(program, samples(program))
    return insert(program, plan(program, ranges, SCHEME, keep_float=kept), SCHEME)


@pytest.fixture
def unguarded(monkeypatch):
    def made(*kept):
        with monkeypatch.context() as patch:
            patch.setattr(sys.modules["mcompile.quantize.insert"], "shield", lambda _: 0)
            return quantized(*kept)

    return made


def kernels(program, folder):
    """The ops that ONNX Runtime really runs with all of its optimizations."""
    graph.save(program, folder / "net.onnx")
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(folder / "run.onnx")
    options.log_severity_level = 4
    ort.InferenceSession(folder / "net.onnx", options, providers=["CPUExecutionProvider"])
    ops = Counter(n.op_type for n in onnx.load(folder / "run.onnx").graph.node)
    return ops["Conv"] + ops["FusedConv"]


@pytest.mark.parametrize("name", ["k", "b"])
def test_the_runtime_keeps_a_float_layer_between_integer_ones_float(name, tmp_path, unguarded):
    # The last one is float in either: its output leaves through a Sigmoid.
    unforced = kernels(quantized(), tmp_path)
    assert kernels(unguarded(name), tmp_path) == unforced
    assert kernels(quantized(name), tmp_path) == unforced + 1


def test_the_guard_changes_no_digit_and_costs_no_op(unguarded):
    guarded, plain = quantized("k"), unguarded("k")
    assert Counter(n.op_type for n in guarded.graph.graph) == Counter(
        n.op_type for n in plain.graph.graph
    )
    for sample in samples(plain, 3):
        one, other = (Oracle(p).run(sample.feeds)["y"] for p in (guarded, plain))
        np.testing.assert_array_equal(one, other)


def test_integer_layers_and_float_ends_need_no_guard(unguarded):
    assert shield(unguarded().graph.graph) == 0
    assert shield(unguarded("a").graph.graph) == 0
    assert shield(unguarded("c").graph.graph) == 0


def test_a_guarded_layer_is_not_guarded_again(unguarded):
    plain = unguarded("k").graph.graph
    assert [shield(plain), shield(plain)] == [1, 0]


def test_a_grouped_convolution_has_a_scale_for_each_of_its_channels():
    read = next(n for n in quantized("b").graph.graph if n.outputs[0].name == "b").inputs[0]
    assert graph.array(read.producer().inputs[1]).shape == (4,)


def test_an_older_operator_set_has_no_axis_to_say_it_with():
    program = graph.parse(
        '<ir_version: 9, opset_import: ["": 12]>\n' + CONVS,
        {n: np.ones(s, np.float32) for n, s in SIZES[CONVS].items()},
    )
    graph.infer_shapes(program)
    found = plan(program, observe(program, samples(program)), SCHEME, keep_float=["k"])
    names = [v.name for n in insert(program, found, SCHEME).graph.graph for v in n.outputs]
    assert "r.real" in names
    assert not any("by_channel" in n for n in names)


def test_a_gemm_is_guarded_along_what_it_sums():
    program = quantized(text=GEMMS)
    layer = next(n for n in program.graph.graph if n.outputs[0].name == "k")
    weight = graph.constant(program.graph.graph, "v", np.ones((3, 5), np.float32))
    layer.replace_input_with(1, weight)
    coded = graph.array(layer.inputs[0].producer().inputs[1])
    relu = next(n for n in program.graph.graph if n.op_type == "Relu")
    assert relu.outputs[0].consumers()[0].op_type == "QuantizeLinear"
    assert shield(program.graph.graph) == 1
    scale = graph.array(layer.inputs[0].producer().inputs[1])
    np.testing.assert_array_equal(scale, np.full(5, coded))
    assert Oracle(program).run({"x": np.ones((1, 4), np.float32)})["y"].shape == (1, 4)
