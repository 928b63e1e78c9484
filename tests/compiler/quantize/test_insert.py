"""Q/DQ pairs: where they stand, and that the program still computes the same."""

from collections import Counter

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.opsets.versions import converted
from mcompile.oracle import Oracle
from mcompile.quantize import insert, observe, plan
from mcompile.schemes.litert import LITERT_INT8, LITERT_INT16X8

from .nets import SCHEME, residual, samples


@pytest.fixture(scope="module")
def quantized():
    program = residual()
    return program, insert(
        program, plan(program, observe(program, samples(program)), SCHEME), SCHEME
    )


def sqnr_db(one, other, data):
    a, b = Oracle(one), Oracle(other)
    pairs = [(a.run(s.feeds)["y"], b.run(s.feeds)["y"]) for s in data]
    signal = sum(float((x.astype(np.float64) ** 2).sum()) for x, _ in pairs)
    noise = sum(float(((x.astype(np.float64) - y) ** 2).sum()) for x, y in pairs)
    return 10 * np.log10(signal / noise)


def test_the_source_is_left_as_it_was(quantized):
    source, _ = quantized
    assert not any("Linear" in n.op_type for n in source.graph.graph)


def test_the_result_is_a_valid_model(quantized):
    onnx.checker.check_model(ir.to_proto(quantized[1].graph), full_check=True)


def test_pairs_stand_where_the_plan_says(quantized):
    ops = Counter(n.op_type for n in quantized[1].graph.graph)
    assert ops["QuantizeLinear"] == 7
    assert ops["DequantizeLinear"] == 7 + 4 + 4
    for node in quantized[1].graph.graph:
        if node.op_type in {"Conv", "Gemm", "Add", "MaxPool"}:
            makers = {v.producer().op_type for v in node.inputs}
            assert makers == {"DequantizeLinear"}, node


def test_noise_is_what_eight_bits_make(quantized):
    source, result = quantized
    held_out = samples(source, 4, seed=9)
    assert sqnr_db(source, result, held_out) > 25


def test_a_wrong_scale_would_be_seen(quantized):
    source, result = quantized
    spoiled = graph.clone(result)
    scale = spoiled.graph.graph.initializers["w2.scale"]
    scale.const_value = ir.tensor(np.asarray(scale.const_value.numpy() * 3))
    assert sqnr_db(source, spoiled, samples(source, 4, seed=9)) < 15


def test_float_weights_are_gone(quantized):
    assert not {"w1", "w2", "w3", "w4"} & set(quantized[1].graph.graph.initializers)


def test_a_residual_beside_a_linear_layer_keeps_its_precision():
    program = graph.parse(
        """<ir_version: 9, opset_import: ["": 17]>
        net (float[1,4] x) => (float[1,4] y) { h = MatMul(x, w)
          y = Add(h, x) }""",
        {"w": np.eye(4, dtype=np.float32)},
    )
    graph.infer_shapes(program)
    ranges = observe(program, samples(program))
    result = insert(program, plan(program, ranges, SCHEME), SCHEME)
    add = next(n for n in result.graph.graph if n.op_type == "Add")
    assert add.inputs[1].name == "x"


def test_two_layers_may_share_a_weight():
    program = graph.parse(
        """<ir_version: 9, opset_import: ["": 17]>
        net (float[1,4] x) => (float[1,4] y) { h = MatMul(x, w)
          r = Relu(h)
          y = MatMul(r, w) }""",
        {"w": np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)},
    )
    graph.infer_shapes(program)
    ranges = observe(program, samples(program, 256))
    result = insert(program, plan(program, ranges, SCHEME), SCHEME)
    onnx.checker.check_model(ir.to_proto(result.graph), full_check=True)
    assert sqnr_db(program, result, samples(program, 4, seed=9)) > 25


def test_an_output_that_an_integer_kernel_makes_is_handed_out_under_its_name():
    program = graph.parse(
        """<ir_version: 9, opset_import: ["": 17]>
        net (float[1,4] x) => (float[1,4] y, float[1,4] z) { y = Sigmoid(x) z = Tanh(y) }"""
    )
    graph.infer_shapes(program)
    ranges = observe(program, samples(program))
    result = insert(program, plan(program, ranges, LITERT_INT8), LITERT_INT8)
    assert [p.name for p in result.outputs] == ["y", "z"]
    assert {v.producer().op_type for v in result.graph.graph.outputs} == {"DequantizeLinear"}
    onnx.checker.check_model(ir.to_proto(result.graph), full_check=True)
    assert sqnr_db(program, result, samples(program, 4, seed=9)) > 25


def test_pairs_of_sixteen_bits_run_in_operator_set_21():
    program = residual()
    ranges = observe(program, samples(program))
    newer = converted(program, 21)
    result = insert(newer, plan(newer, ranges, LITERT_INT16X8), LITERT_INT16X8)
    onnx.checker.check_model(ir.to_proto(result.graph), full_check=True)
    assert sqnr_db(program, result, samples(program, 4, seed=1)) > 30


def test_the_whole_of_a_residual_net_is_written_as_integers():
    program = residual()
    scheme = LITERT_INT8
    found = plan(program, observe(program, samples(program)), scheme)
    result = insert(program, found, scheme)
    assert found.left_float == {}
    for node in result.graph.graph:
        if not node.op_type.endswith("Linear") and node.op_type != "Relu":
            makers = {v.producer().op_type for v in node.inputs}
            assert makers == {"DequantizeLinear"}, node
    assert sqnr_db(program, result, samples(program, 4, seed=9)) > 20
