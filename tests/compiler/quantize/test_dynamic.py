"""Linear layers that measure their input as it arrives."""

from collections import Counter

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize import dynamic

from .nets import SCHEME, residual, samples


def mlp(transposed):
    rng = np.random.default_rng(0)
    first = rng.standard_normal((32, 64)).astype(np.float32) / 6
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[1,32] x) => (float[1,8] y) {
      h = Gemm %s (x, w1, b1)
      r = Relu(h)
      y = MatMul(r, w2)
    }"""
    program = graph.parse(
        text % ("<transB = 1>" if transposed else ""),
        {
            "w1": first.T.copy() if transposed else first,
            "b1": rng.standard_normal(64).astype(np.float32),
            "w2": rng.standard_normal((64, 8)).astype(np.float32) / 8,
        },
    )
    graph.infer_shapes(program)
    return program


@pytest.mark.parametrize("transposed", [False, True])
def test_the_linear_layers_run_on_integers_and_agree(transposed):
    program = mlp(transposed)
    result, found = dynamic(program, SCHEME)
    onnx.checker.check_model(ir.to_proto(result.graph), full_check=True)
    ops = Counter(n.op_type for n in result.graph.graph)
    assert ops["MatMulInteger"] == 2
    assert not ops["Gemm"]
    assert set(found.tensors) == {"w1", "w2"}
    for sample in samples(program, 4):
        want, got = Oracle(program).run(sample.feeds)["y"], Oracle(result).run(sample.feeds)["y"]
        assert np.abs(want - got).max() < 0.05 * np.abs(want).max()


def test_convolutions_stay_float_and_say_so():
    result, found = dynamic(residual(), SCHEME)
    assert found.left_float["b"] == "Conv is slower on integers without fixed ranges"
    assert Counter(n.op_type for n in result.graph.graph)["Conv"] == 3


def test_the_source_is_left_as_it_was():
    program = mlp(False)
    dynamic(program, SCHEME)
    assert Counter(n.op_type for n in program.graph.graph) == {"Gemm": 1, "Relu": 1, "MatMul": 1}
