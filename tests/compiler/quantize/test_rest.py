"""What is float beside integers goes to 16 bits, and no Cast comes between a pair and its op."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize import insert, observe, plan
from mcompile.quantize.rest import rest
from mcompile.schemes.tensorrt import TENSORRT_10
from mcompile.types import Sample, Samples

HALF = replace(TENSORRT_10, rest="float16", skips_vectors=False)
BLOCK = """<ir_version: 8, opset_import: ["": 17]>
net (float[1,8,32] x) => (float[1,8,32] y) {
  q = MatMul(x, wq)
  k = MatMul(x, wk)
  t = Transpose<perm=[0,2,1]>(k)
  s = MatMul(q, t)
  c = Mul(s, scale)
  p = Softmax<axis=-1>(c)
  a = MatMul(p, q)
  o = MatMul(a, wo)
  r = Add(o, x)
  n = LayerNormalization<axis=-1>(r, gamma, beta)
  h = MatMul(n, w1)
  g = Tanh(h)
  m = Mul(g, h)
  e = Exp(m)
  u = Mul(m, g)
  y = MatMul(u, w2)
}"""


def block():
    rng = np.random.default_rng(5)
    weights = {n: (rng.standard_normal((32, 32)) / 6).astype(np.float32)
               for n in ("wq", "wk", "wo", "w1", "w2")}  # fmt: skip
    weights |= {"gamma": np.ones(32, np.float32), "beta": np.zeros(32, np.float32)}
    weights["scale"] = np.float32(0.18)
    program = graph.parse(BLOCK, weights)
    graph.infer_shapes(program)
    return program


def inputs():
    rng = np.random.default_rng(6)
    made = [Sample({"x": rng.standard_normal((1, 8, 32)).astype(np.float32)}) for _ in range(6)]
    return Samples("seeded", lambda: iter(made), len(made))


@pytest.fixture
def pair():
    program = block()
    ranges = observe(program, inputs())
    quantized = insert(program, plan(program, ranges, HALF), HALF)
    made, told = rest(quantized, HALF, ranges, inputs())
    return quantized, made, told


def types_of(program, op):
    return [[v.dtype for v in n.inputs] for n in program.graph.graph if n.op_type == op]


def test_attention_is_in_halves_and_integer_products_are_not(pair) -> None:
    quantized, made, told = pair
    assert told.endswith("float ops in float16")
    halves = [n for n in made.graph.graph if n.op_type == "MatMul"
              and n.inputs[0].dtype == ir.DataType.FLOAT16]  # fmt: skip
    assert len(halves) == 2, "the products of two computed values"
    of_pairs = [n for n in made.graph.graph if n.op_type == "MatMul" and n not in halves]
    assert len(of_pairs) == 5
    for node in of_pairs:
        assert {v.producer().op_type for v in node.inputs} == {"DequantizeLinear"}
        assert {v.dtype for v in node.inputs} == {ir.DataType.FLOAT}
    assert sum(n.op_type == "QuantizeLinear" for n in made.graph.graph) == sum(
        n.op_type == "QuantizeLinear" for n in quantized.graph.graph
    )


def test_scales_stay_float32(pair) -> None:
    _, made, _ = pair
    for op in ("QuantizeLinear", "DequantizeLinear"):
        for _, scale, *_ in types_of(made, op):
            assert scale == ir.DataType.FLOAT


def test_the_numbers_stay_near(pair) -> None:
    quantized, made, _ = pair
    before, after = Oracle(quantized), Oracle(made)
    for sample in inputs():
        one, two = before.run(sample.feeds)["y"], after.run(sample.feeds)["y"]
        assert np.abs(one - two).max() < 0.05 * np.abs(one).max()
        assert two.dtype == np.float32


def test_a_net_of_integers_alone_is_left_as_it_is() -> None:
    program = graph.parse(
        """<ir_version: 8, opset_import: ["": 17]>
        net (float[4,32] x) => (float[4,32] y) { h = MatMul(x, w)  r = Relu(h)  y = MatMul(r, v) }
        """,
        {n: np.random.default_rng(k).standard_normal((32, 32)).astype(np.float32)
         for k, n in enumerate("wv")},
    )  # fmt: skip
    graph.infer_shapes(program)
    rng = np.random.default_rng(0)
    made = [Sample({"x": rng.standard_normal((4, 32)).astype(np.float32)}) for _ in range(3)]
    seen = Samples("seeded", lambda: iter(made), 3)
    ranges = observe(program, seen)
    quantized = insert(program, plan(program, ranges, HALF), HALF)
    changed, told = rest(quantized, HALF, ranges, seen)
    assert changed is quantized
    assert told.startswith("0 of ")
