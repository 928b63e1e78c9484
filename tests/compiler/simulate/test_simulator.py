"""Whole programs on simulated integers."""

from dataclasses import replace

import numpy as np
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize import insert, observe, plan
from mcompile.simulate import Simulator
from mcompile.types import Sample, Samples

from .sandwiches import LITE, X86, Given, Out, codes, runtime, sandwich

SCHEME = replace(
    X86,
    carried=frozenset({"Add", "AveragePool", "Concat", "GlobalAveragePool", "MaxPool"}),
    same_scale=frozenset({"MaxPool"}),
)


TEXT = """<ir_version: 9, opset_import: ["": 17]>
net (float[1,3,12,12] x) => (float[1,10] y) {
  a0 = Conv <pads = [1,1,1,1]> (x, w1, b1)
  a = Relu(a0)
  b = Conv <pads = [1,1,1,1]> (a, w2, b2)
  s = Add(a, b)
  p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (s)
  c0 = Conv (p, w3, b3)
  c = Relu(c0)
  g = GlobalAveragePool(c)
  f = Flatten(g)
  y = Gemm <transB = 1> (f, w4, b4)
}"""


def residual():
    """Two convolutions around a residual Add, a pool, and a linear head."""
    rng = np.random.default_rng(0)
    shapes = {"w1": (8, 3, 3, 3), "w2": (8, 8, 3, 3), "w3": (16, 8, 1, 1), "w4": (10, 16)}
    weights = {n: rng.standard_normal(d) / np.sqrt(np.prod(d[1:])) for n, d in shapes.items()}
    weights |= {f"b{n[1]}": rng.standard_normal(d[0]) / 3 for n, d in shapes.items()}
    program = graph.parse(TEXT, {n: a.astype(np.float32) for n, a in weights.items()}, "residual")
    graph.infer_shapes(program)
    return program


def samples():
    rng = np.random.default_rng(1)
    found = [Sample({"x": rng.standard_normal((1, 3, 12, 12), np.float32)}) for _ in range(8)]
    return Samples("seeded noise", lambda: iter(found), len(found))


def quantized(scheme=SCHEME):
    program = residual()
    found = observe(program, samples())
    return insert(program, plan(program, found, scheme), scheme), next(iter(samples())).feeds


def test_a_whole_net_gives_what_the_runtime_gives():
    program, feeds = quantized()
    with Simulator(program, SCHEME, threads=1) as simulator:
        assert simulator.integer == ("a0", "b", "s", "c0", "y")
        got = simulator.run(feeds)["y"]
        again = simulator.run(feeds)["y"]
    np.testing.assert_allclose(got, runtime(program, feeds), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(got, again)


def test_saturation_changes_the_result():
    program, feeds = quantized()
    plain = Simulator(program, SCHEME).run(feeds)["y"]
    lossy = Simulator(program, replace(SCHEME, pair_saturates=True)).run(feeds)["y"]
    assert np.abs(plain - lossy).max() > 0


def test_inner_values_are_given_by_name():
    program, feeds = quantized()
    names = ["a", "a0", "a.integer", "s.real", "w3.real"]
    got = Simulator(program, SCHEME, also=names).run(feeds)
    real = Oracle(program, also=names).run(feeds)
    assert list(got) == ["y", *names]
    np.testing.assert_array_equal(got["w3.real"], real["w3.real"])
    np.testing.assert_array_equal(got["a"], got["a0"])
    step = np.abs(np.diff(np.unique(got["a"]))).min()
    assert np.abs(got["a"] - np.maximum(real["a"], 0)).max() <= step
    assert np.abs(got["a.integer"].astype(int) - real["a.integer"]).max() <= 1
    assert got["s.real"].dtype == np.float32


def test_a_float_program_runs_as_the_reference_does():
    program = residual()
    feeds = next(iter(samples())).feeds
    simulator = Simulator(program, SCHEME)
    assert simulator.integer == ()
    np.testing.assert_array_equal(simulator.run(feeds)["y"], Oracle(program).run(feeds)["y"])


def test_weights_that_are_quantized_in_the_program_are_read():
    text = """<ir_version: 9, opset_import: ["": 19]>
    net (float[2,6] x) => (float[2,3] y) {
      q = QuantizeLinear (x, s, z)
      r = DequantizeLinear (q, s, z)
      wq = QuantizeLinear <axis = 1> (w, ws, wz)
      wr = DequantizeLinear <axis = 1> (wq, ws, wz)
      y = MatMul (r, wr)
    }"""
    rng = np.random.default_rng(0)
    given = {
        "s": np.asarray(0.03, np.float32), "z": np.asarray(120, np.uint8),
        "w": rng.standard_normal((6, 3)).astype(np.float32),
        "ws": np.float32([0.02, 0.03, 0.01]), "wz": np.zeros(3, np.int8),
    }  # fmt: skip
    program = graph.parse(text, given)
    feeds = {"x": rng.standard_normal((2, 6)).astype(np.float32)}
    simulator = Simulator(program, X86)
    assert simulator.integer == ("y",)
    real = Oracle(program).run(feeds)["y"]
    np.testing.assert_allclose(simulator.run(feeds)["y"], real, rtol=1e-5, atol=1e-5)


def test_branches_read_what_integer_steps_made():
    text = """<ir_version: 9, opset_import: ["": 19]>
    net (float[4] x, bool c) => (float[4] y) {
      q = QuantizeLinear (x, s, z)
      r = DequantizeLinear (q, s, z)
      a = Add (r, r)
      b = QuantizeLinear (a, s, z)
      d = DequantizeLinear (b, s, z)
      y = If (c) <then_branch = g1 () => (float[4] t) { t = Neg (d) },
                  else_branch = g2 () => (float[4] e) { e = Identity (x) }>
    }"""
    scale = {"s": np.asarray(0.5, np.float32), "z": np.asarray(100, np.uint8)}
    program = graph.parse(text, scale)
    simulator = Simulator(program, X86)
    assert simulator.integer == ("a",)
    for taken in (True, False):
        feeds = {"x": np.float32([1, -2, 0.5, 3]), "c": np.asarray(taken)}
        expected = Oracle(program).run(feeds)["y"]
        np.testing.assert_array_equal(simulator.run(feeds)["y"], expected)


def test_real_inputs_enter_by_the_rounding_of_the_scheme():
    text = """<ir_version: 9, opset_import: ["": 19]>
    net (float[4] x) => (int8[4] y) {
      q = QuantizeLinear (x, s, z)
      r = DequantizeLinear (q, s, z)
      y = QuantizeLinear (r, t, z)
    }"""
    ones = {n: np.asarray(v, np.float32) for n, v in (("s", 1.0), ("t", 2.0))}
    program = graph.parse(text, {**ones, "z": np.asarray(0, np.int8)})
    feeds = {"x": np.float32([0.5, 2.5, -0.5, 4.0])}
    assert Simulator(program, X86).run(feeds)["y"].tolist() == [0, 1, 0, 2]
    assert Simulator(program, LITE).run(feeds)["y"].tolist() == [1, 2, 0, 2]


@pytest.mark.parametrize("scheme", [X86, LITE])
@pytest.mark.parametrize(
    ("op", "how"),
    [
        ("MaxPool", {"kernel_shape": [2, 2]}), ("Transpose", {"perm": [0, 2, 3, 1]}),
        ("Flatten", {}), ("Concat", {"axis": 1}), ("Relu", {}),
    ],
)  # fmt: skip
def test_what_only_moves_codes_is_exact(op, how, scheme):
    x = Given(codes(np.random.default_rng(2), "int8", 1, 3, 8, 7), 0.0371, 5)
    program, feeds = sandwich(op, [x, x] if op == "Concat" else [x], Out("int8", 0.0371, 5), **how)
    simulator = Simulator(program, scheme)
    np.testing.assert_array_equal(simulator.run(feeds)["y"], runtime(program, feeds, fused=False))
