"""Programs and targets that the tests of this backend share."""

from __future__ import annotations

import numpy as np

from mcompile import graph
from mcompile.backends.tensorrt import Tensorrt
from mcompile.profile import Device, Legality, Runtime, Target
from mcompile.quantize import insert, observe, plan
from mcompile.types import Precision, Sample, Samples

BACKEND = Tensorrt()
NET = """net (float[1,16,8,8] x) => (float[1,16,8,8] y) {
  a = Conv <pads = [1,1,1,1]> (x, w1, b1)
  r = Relu(a)
  c = Conv <pads = [1,1,1,1]> (r, w2, b2)
  y = Sigmoid(c)
}"""


def one(body, signature="(float[1,4] x) => (float[1,4] y)", opset=17, **weights):
    """A program of a few nodes, with shapes filled in."""
    text = f'<ir_version: 9, opset_import: ["": {opset}]>\none {signature} {{ {body} }}'
    program = graph.parse(text, weights, "one")
    graph.infer_shapes(program)
    return program


def net():
    """Two convolutions of 16 channels with seeded weights: enough for integers to pay."""
    rng = np.random.default_rng(5)
    weights = {
        "w1": rng.standard_normal((16, 16, 3, 3)).astype(np.float32) / 12,
        "w2": rng.standard_normal((16, 16, 3, 3)).astype(np.float32) / 12,
        "b1": rng.standard_normal(16).astype(np.float32),
        "b2": rng.standard_normal(16).astype(np.float32),
    }
    text = f'<ir_version: 9, opset_import: ["": 13]>\n{NET}'
    program = graph.parse(text, weights, "net")
    graph.infer_shapes(program)
    return program


def samples(count=4):
    def stream():
        rng = np.random.default_rng(9)
        for _ in range(count):
            yield Sample({"x": rng.standard_normal((1, 16, 8, 8)).astype(np.float32)})

    return Samples("seeded", stream, count)


def target(versions="", precision=Precision.INT8, **others):
    """A device with a GPU of compute capability 8.7; `others` are facts of its runtime."""
    device = Device("aarch64", ("asimd",), memory_mb=8192, compute_capability="8.7")
    runtime = Runtime(versions=versions, **others)
    return Target("desk", "A desk", "tensorrt", precision, device, runtime)


def without_int8():
    legality = {Precision.INT8: Legality("falls_back", Precision.FP16, "it has none")}
    device = Device("aarch64", compute_capability="5.3")
    runtime = Runtime(versions="==8.2.1", max_opset=13)
    return Target("old", "Old", "tensorrt", Precision.INT8, device, runtime, legality)


def quantized(there):
    """The net with pairs as the target's scheme sets them."""
    program, scheme = net(), BACKEND.scheme_on(there)
    return insert(program, plan(program, observe(program, samples()), scheme), scheme)
