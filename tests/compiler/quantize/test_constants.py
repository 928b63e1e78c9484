"""Constants as the integers of a plan: weights, biases, operands, and channels of zeros."""

from dataclasses import replace

import numpy as np
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize import insert, observe, plan
from mcompile.schemes.litert import LITERT_INT8, LITERT_INT8_BY_CHANNEL, LITERT_INT16X8
from mcompile.schemes.onnxruntime import ONNXRUNTIME_AVX2, ONNXRUNTIME_VNNI
from mcompile.schemes.openvino import OPENVINO
from mcompile.schemes.tensorrt import TENSORRT_8, TENSORRT_10

from .nets import samples

OPEN_ENDED = replace(TENSORRT_10, least_channels=0, skips_vectors=False)
SCHEMES = {
    "avx2": ONNXRUNTIME_AVX2,
    "vnni": ONNXRUNTIME_VNNI,
    "openvino": OPENVINO,
    "int8": LITERT_INT8,
    "by_channel": LITERT_INT8_BY_CHANNEL,
    "int16x8": LITERT_INT16X8,
    "tensorrt_8": replace(OPEN_ENDED, stores_weights=False),
    "tensorrt_10": OPEN_ENDED,
}
LAYERS = {
    "conv": ("float[1,4,2,2] x) => (float[1,4,2,2] y", "c = Conv(x, w, b)", (4, 4, 1, 1), 0),
    "transposed": (
        "float[1,4,2,2] x) => (float[1,4,2,2] y",
        "c = ConvTranspose <group = 2> (x, w, b)",
        (4, 2, 1, 1),
        1,
    ),
    "gemm": ("float[3,4] x) => (float[3,4] y", "c = Gemm(x, w, b)", (4, 4), 1),
    "matmul": ("float[3,4] x) => (float[3,4] y", "m = MatMul(x, w) c = Add(m, b)", (4, 4), 1),
}


def layer(kind, weight, bias):
    ports, body, _, _ = LAYERS[kind]
    text = f'<ir_version: 10, opset_import: ["": 21]> net ({ports}) {{ {body} y = Sigmoid(c) }}'
    program = graph.parse(text, {"w": weight, "b": bias})
    graph.infer_shapes(program)
    return program


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_channel_of_zeros_keeps_its_large_bias(scheme, kind):
    _, _, shape, axis = LAYERS[kind]
    weight = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    np.moveaxis(weight, axis, 0)[1] = 0
    bias = np.array([0.5, 7e4, -0.25, 0.125], np.float32)
    program = layer(kind, weight, bias)
    found = plan(program, observe(program, samples(program)), SCHEMES[scheme])
    written = insert(program, found, SCHEMES[scheme])
    held = written.graph.graph.initializers
    for name in (n for n in held if n.startswith("b.integer")):
        codes = held[name].const_value.numpy().astype(np.int64)
        assert np.abs(codes).max() < 2**31 - 1
        scale = held[name.replace("integer", "scale")].const_value.numpy().astype(np.float64)
        assert abs((codes * scale)[1] / 7e4 - 1) < 1e-6
    data = next(iter(samples(program))).feeds
    one, other = (Oracle(p, ["c"]).run(data)["c"] for p in (program, written))
    channel = 1 if kind in {"conv", "transposed"} else -1
    dead = np.take(other, 1, axis=channel) - np.take(one, 1, axis=channel)
    assert np.abs(dead).max() < 7e4 / 200


@pytest.mark.parametrize("scheme", ["vnni", "int8", "tensorrt_10"])
def test_every_weight_is_within_half_a_step(scheme):
    weight = np.random.default_rng(1).standard_normal((4, 4, 1, 1)).astype(np.float32)
    program = layer("conv", weight, np.zeros(4, np.float32))
    params = plan(program, observe(program, samples(program)), SCHEMES[scheme]).tensors["w"]
    written = insert(
        program, plan(program, observe(program, samples(program)), SCHEMES[scheme]), SCHEMES[scheme]
    )
    codes = written.graph.graph.initializers["w.integer"].const_value.numpy()
    step = params.scale.reshape(-1, 1, 1, 1)
    assert np.all(np.abs(codes * step - weight) <= step * 0.5001)


def test_a_bias_is_stored_for_each_layer_that_reads_it():
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[1,4,2,2] x) => (float[1,4,2,2] y) { a = Conv(x, w, b)  y = Conv(a, w, b) }"""
    weights = {"w": np.eye(4, dtype=np.float32).reshape(4, 4, 1, 1), "b": np.ones(4, np.float32)}
    program = graph.parse(text, weights)
    graph.infer_shapes(program)
    found = plan(program, observe(program, samples(program)), LITERT_INT8)
    held = insert(program, found, LITERT_INT8).graph.graph.initializers
    stored = [n for n in held if n.startswith("b.integer")]
    assert len(stored) == 2
    assert len([n for n in held if n.startswith("w.integer")]) == 1


def test_shared_weights_have_room_for_the_larger_bias():
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[1,4,2,2] x) => (float[1,4,2,2] y) {
      a = Conv(x, w, b)
      d = Conv(x, w)
      y = Add(a, d)
    }"""
    weights = {"w": np.zeros((4, 4, 1, 1), np.float32), "b": np.full(4, 3.0, np.float32)}
    program = graph.parse(text, weights)
    graph.infer_shapes(program)
    found = plan(program, observe(program, samples(program)), LITERT_INT8).tensors
    codes = 3.0 / (found["x"].scale.astype(np.float64) * found["w"].scale)
    assert np.all(codes <= 2**31 - 1)


def test_a_weight_behind_a_pair_has_the_codes_of_a_stored_one():
    weight = np.random.default_rng(2).standard_normal((4, 4, 1, 1)).astype(np.float32)
    program = layer("conv", weight, np.zeros(4, np.float32))
    ranges, data = observe(program, samples(program)), next(iter(samples(program))).feeds
    results = []
    for scheme in (SCHEMES["tensorrt_8"], SCHEMES["tensorrt_10"]):
        written = insert(program, plan(program, ranges, scheme), scheme)
        results.append(Oracle(written).run(data)["y"])
    np.testing.assert_array_equal(*results)
    assert not TENSORRT_8.stores_weights
