"""Constant weights of layers as int8 codes beside float activations."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize.hybrid import hybrid
from mcompile.schemes.litert import LITERT_INT8_BY_CHANNEL as SCHEME

RNG = np.random.default_rng(0)
STORED = {
    "w": RNG.standard_normal((64, 48)).astype(np.float32),
    "k": RNG.standard_normal((16, 8, 3, 3)).astype(np.float32),
    "v": RNG.standard_normal((8, 8, 2, 3, 3)).astype(np.float32),
    "few": RNG.standard_normal((64, 4)).astype(np.float32),
    "deep": RNG.standard_normal((2, 64, 48)).astype(np.float32),
}


def parsed(ports, body):
    head = '<ir_version: 9, opset_import: ["" : 21]>'
    used = {n: w for n, w in STORED.items() if f" {n})" in body or f" {n}," in body}
    program = graph.parse(f"{head} net {ports} {{ {body} }}", used)
    graph.infer_shapes(program)
    return program


def linear(body="y = MatMul (x, w)", made=48):
    return parsed(f"(float[2,64] x) => (float[2,{made}] y)", body)


def test_a_weight_is_codes_with_a_scale_for_each_output():
    made, plan = hybrid(linear(), SCHEME)
    nodes = {n.op_type: n for n in made.graph.graph}
    assert [*nodes] == ["DequantizeLinear", "MatMul"]
    codes, scale = (graph.array(v) for v in nodes["DequantizeLinear"].inputs[:2])
    assert (codes.dtype, codes.shape, scale.shape) == (np.int8, (64, 48), (48,))
    np.testing.assert_allclose(codes * scale, STORED["w"], atol=scale.max() / 2 + 1e-6)
    np.testing.assert_allclose(scale, np.abs(STORED["w"]).max(0) / 127, rtol=1e-5)
    assert [*plan.tensors] == ["w"]
    assert "w" not in made.graph.graph.initializers


def test_what_it_computes_is_near_what_it_was():
    source = linear()
    made, _ = hybrid(source, SCHEME)
    x = {"x": RNG.standard_normal((2, 64)).astype(np.float32)}
    want, got = (Oracle(p).run(x)["y"] for p in (source, made))
    assert 0 < np.abs(want - got).max() < 0.02 * np.abs(want).max()


def test_the_source_stays_as_it_was():
    source = linear()
    hybrid(source, SCHEME)
    assert [n.op_type for n in source.graph.graph] == ["MatMul"]


def test_layers_that_share_a_weight_share_its_codes():
    ports = "(float[2,64] x, float[3,64] z) => (float[2,48] y, float[3,48] u)"
    made, plan = hybrid(parsed(ports, "y = MatMul (x, w)\n u = MatMul (z, w)"), SCHEME)
    read = [n.inputs[0] for n in made.graph.graph if n.op_type == "DequantizeLinear"]
    assert len(read) == 2
    assert read[0] is read[1]
    assert len(plan.tensors) == 1


def test_a_convolution():
    ports = "(float[1,8,6,6] x) => (float[1,16,4,4] y)"
    made, plan = hybrid(parsed(ports, "y = Conv (x, k)"), SCHEME)
    assert plan.tensors["k"].axis == 0
    assert graph.array(next(iter(made.graph.graph)).inputs[1]).shape == (16,)


@pytest.mark.parametrize(
    ("ports", "body", "reason"),
    [
        ("(float[2,64] x) => (float[2,4] y)", "y = MatMul (x, few)", "fewer than 1024 weights"),
        ("(float[2,64] x, float[64,48] u) => (float[2,48] y)", "y = MatMul (x, u)",
         "not a float32 constant"),
        ("(float[2,3,64] x) => (float[2,3,48] y)", "y = MatMul (x, deep)", "not a matrix"),
        ("(float[2,64] x) => (float[2,48] y)", "y = Gemm <alpha = 0.5> (x, w)", "not plain"),
        ("(float[1,8,3,4,4] x) => (float[1,8,2,2,2] y)", "y = Conv (x, v)", "no kernel of"),
        ("(float[1,16,3,3] x) => (float[1,8,5,5] y)", "y = ConvTranspose (x, k)", "no kernel of"),
    ],
)  # fmt: skip
def test_a_layer_is_left_with_its_reason(ports, body, reason):
    made, plan = hybrid(parsed(ports, body), SCHEME)
    assert reason in plan.left_float["y"]
    assert not plan.tensors
    assert "DequantizeLinear" not in {n.op_type for n in made.graph.graph}
