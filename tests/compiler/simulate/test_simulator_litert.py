"""Each op alone, fed the same integers, against LiteRT's reference kernels and XNNPACK."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.simulate import Simulator

from .sandwiches import LITE, Given, Out, codes, sandwich, steps_apart, weights

pytest.importorskip("ai_edge_litert")

from .flatbuffer import one_op, run, schema

MANY = settings(derandomize=True, deadline=None, max_examples=15)
SEEDS = st.integers(0, 2**16)
TYPES = pytest.mark.parametrize("dtype", ["int8", "int16"])
STEP = {"int8": 1.0, "int16": 1 / 256}
ZERO = {"int8": 1, "int16": 0}
SAME, VALID = schema.Padding.SAME, schema.Padding.VALID


def agree(found, model, feeds, back=np.asarray, *, reference=0, other=1):
    """Steps from the reference kernels and from the others, at most."""
    program, onnx_feeds = found
    simulator = Simulator(program, LITE)
    assert simulator.integer == ("o0",)
    got = simulator.run(onnx_feeds)["y"]
    assert np.unique(got).size > 1
    assert steps_apart(got, back(run(model, feeds))) <= reference
    assert steps_apart(got, back(run(model, feeds, reference=False))) <= other


class Real(NamedTuple):
    """Real numbers that are fed."""

    codes: np.ndarray
    constant: bool = False


def last(array):
    return np.moveaxis(array, 1, -1)


def first(array):
    return np.moveaxis(array, -1, 1)


def data(rng, dtype, *shape, zero=5, scale=0.03):
    return Given(codes(rng, dtype, *shape), scale * STEP[dtype], zero * ZERO[dtype])


def turned(one, places=last):
    return Given(places(one.codes), one.scale, one.zero, one.axis, one.constant)


def biases(rng, one, weight, dtype):
    """The bias as the program stores it, and as the flatbuffer does."""
    stored = rng.integers(-3000, 3000, weight.vector.size, np.int32)
    unit = np.float32(one.scale) * weight.vector
    wide = stored.astype(np.int64 if dtype == "int16" else np.int32)
    return Given(stored, unit, 0, 0, True), Given(wide, unit, 0, 0, True)


def filled(options, **fields):
    for name, value in fields.items():
        assert hasattr(options, name)
        setattr(options, name, value)
    return options


@MANY
@given(SEEDS, st.sampled_from([1, 3]), st.integers(1, 2), st.booleans(), st.sampled_from([*STEP]))
def test_convolutions(seed, kernel, stride, same, dtype):
    rng = np.random.default_rng(seed)
    inner, outer = (int(n) for n in rng.integers(1, 9, 2))
    x = data(rng, dtype, 1, inner, 8, 9)
    scales = rng.uniform(0.005, 0.02, outer)
    w = Given(weights(rng, outer, inner, kernel, kernel), scales, 0, 0, True)
    b, wide = biases(rng, x, w, dtype)
    out = Out(dtype, 0.7 * kernel * np.sqrt(inner) / 3 * STEP[dtype], -3 * ZERO[dtype])
    auto = "SAME_UPPER" if same else "VALID"
    found = sandwich("Conv", [x, w, b], out, strides=[stride] * 2, auto_pad=auto)
    size = [-(-n // stride) if same else -(-(n - kernel + 1) // stride) for n in (8, 9)]
    options = filled(
        schema.Conv2DOptionsT(), padding=SAME if same else VALID, strideW=stride, strideH=stride,
        dilationWFactor=1, dilationHFactor=1,
    )  # fmt: skip
    reads = [turned(x), turned(w), wide]
    model = one_op("CONV_2D", options, reads, out, (1, *size, outer), version=3)
    agree(found, model, [last(x.codes)], first)


@MANY
@given(SEEDS, st.integers(1, 2), st.integers(1, 2), st.sampled_from([*STEP]))
def test_depthwise_convolutions(seed, stride, multiplier, dtype):
    rng = np.random.default_rng(seed)
    x, outer = data(rng, dtype, 1, 4, 8, 9), 4 * multiplier
    w = Given(weights(rng, outer, 1, 3, 3), rng.uniform(0.005, 0.02, outer), 0, 0, True)
    b, wide = biases(rng, x, w, dtype)
    out = Out(dtype, 0.4 * STEP[dtype], -3 * ZERO[dtype])
    found = sandwich("Conv", [x, w, b], out, group=4, strides=[stride] * 2, auto_pad="SAME_UPPER")
    options = filled(
        schema.DepthwiseConv2DOptionsT(), padding=SAME, strideW=stride, strideH=stride,
        depthMultiplier=multiplier, dilationWFactor=1, dilationHFactor=1,
    )  # fmt: skip
    placed = Given(np.moveaxis(w.codes[:, 0], 0, -1)[None], w.scale, 0, 3, True)
    shape = (1, -(-8 // stride), -(-9 // stride), outer)
    reads = [turned(x), placed, wide]
    model = one_op("DEPTHWISE_CONV_2D", options, reads, out, shape, version=3)
    agree(found, model, [last(x.codes)], first)


def test_a_transposed_convolution():
    rng = np.random.default_rng(0)
    x = data(rng, "int8", 1, 4, 5, 6)
    w = Given(weights(rng, 4, 3, 3, 3), rng.uniform(0.005, 0.02, 3), 0, 1, True)
    b, wide = biases(rng, x, w, "int8")
    out = Out("int8", 0.6, -5)
    found = sandwich("ConvTranspose", [x, w, b], out, strides=[2, 2], auto_pad="SAME_UPPER")
    options = filled(schema.TransposeConvOptionsT(), padding=SAME, strideW=2, strideH=2)
    placed = Given(w.codes.transpose(1, 2, 3, 0), w.scale, 0, 0, True)
    shape = (1, 10, 12, 3)
    reads = [np.array(shape, np.int32), placed, turned(x), wide]
    agree(
        found,
        one_op("TRANSPOSE_CONV", options, reads, out, shape, version=3),
        [last(x.codes)],
        first,
    )


@TYPES
def test_fully_connected_layers(dtype):
    rng = np.random.default_rng(1)
    x, w = data(rng, dtype, 30, 20), Given(weights(rng, 6, 20), 0.01, 0, None, True)
    b, wide = biases(rng, x, w, dtype)
    b = Given(np.repeat(b.codes, 6), b.scale, 0, None, True)
    wide = Given(np.repeat(wide.codes, 6), wide.scale, 0, None, True)
    out = Out(dtype, 0.5 * STEP[dtype], 4 * ZERO[dtype])
    found = sandwich("Gemm", [x, w, b], out, transB=1)
    options = schema.FullyConnectedOptionsT()
    version = 4 if dtype == "int8" else 7
    agree(
        found, one_op("FULLY_CONNECTED", options, [x, w, wide], out, (30, 6), version=version),
        [x.codes], reference=int(dtype == "int16"),
    )  # fmt: skip


@TYPES
@pytest.mark.parametrize(("op", "name"), [("Add", "ADD"), ("Sub", "SUB"), ("Mul", "MUL")])
@MANY
@given(SEEDS, st.floats(0.01, 0.2), st.floats(0.01, 0.2))
def test_elementwise_ops(op, name, dtype, seed, one, other):
    rng = np.random.default_rng(seed)
    x = data(rng, dtype, 1, 4, 5, 6, scale=one)
    y = data(rng, dtype, 1, 4, 5, 6, zero=-9, scale=other)
    scale = one * other * 80 if op == "Mul" else one + other
    out = Out(dtype, scale * STEP[dtype], 3 * ZERO[dtype])
    options = getattr(schema, f"{op}OptionsT")()
    if op != "Mul":
        options.potScaleInt16 = False
    version = {"Add": (2, 4), "Sub": (2, 5), "Mul": (2, 4)}[op][dtype == "int16"]
    model = one_op(name, options, [x, y], out, x.codes.shape, version=version)
    agree(sandwich(op, [x, y], out), model, [x.codes, y.codes])


@TYPES
def test_pools_of_averages(dtype):
    rng = np.random.default_rng(2)
    x = data(rng, dtype, 1, 4, 9, 10)
    out = Out(dtype, x.scale, x.zero)
    how = {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}
    options = filled(
        schema.Pool2DOptionsT(), padding=SAME, strideW=2, strideH=2, filterWidth=3, filterHeight=3
    )
    version = 2 if dtype == "int8" else 3
    model = one_op("AVERAGE_POOL_2D", options, [turned(x)], out, (1, 5, 5, 4), version=version)
    agree(sandwich("AveragePool", [x], out, **how), model, [last(x.codes)], first)


@TYPES
@pytest.mark.parametrize("ratio", [1.0, 0.57])
def test_averages_over_rows_and_columns(ratio, dtype):
    rng = np.random.default_rng(3)
    x = data(rng, dtype, 3, 16, 9, 10)
    out = Out(dtype, x.scale * ratio, -7 * ZERO[dtype])
    options = filled(schema.ReducerOptionsT(), keepDims=True)
    reads, version = [turned(x), np.array([1, 2], np.int32)], 2 if dtype == "int8" else 3
    model = one_op("MEAN", options, reads, out, (3, 1, 1, 16), version=version)
    agree(sandwich("GlobalAveragePool", [x], out), model, [last(x.codes)], first)


EVERY = np.arange(-128, 128).astype(np.int8).reshape(1, 256)


@pytest.mark.parametrize("scale", [0.01, 0.04, 0.1, 0.3])
def test_curves_of_every_code(scale):
    x = Given(EVERY, scale, -11)
    for op, name, out, options, how in (
        ("Sigmoid", "LOGISTIC", Out("int8", 1 / 256, -128), None, {}),
        ("Tanh", "TANH", Out("int8", 1 / 128), None, {}),
        ("HardSwish", "HARD_SWISH", Out("int8", scale * 0.8, -50), schema.HardSwishOptionsT(), {}),
        ("LeakyRelu", "LEAKY_RELU", Out("int8", scale * 0.7, -30),
         filled(schema.LeakyReluOptionsT(), alpha=0.1), {"alpha": 0.1}),
    ):  # fmt: skip
        model = one_op(name, options, [x], out, (1, 256), version=2 if op != "HardSwish" else 1)
        agree(sandwich(op, [x], out, **how), model, [EVERY])


@pytest.mark.parametrize("scale", [0.01, 0.1, 1.0])
def test_softmax(scale):
    rng = np.random.default_rng(4)
    x, out = Given(codes(rng, "int8", 40, 11), scale, 3), Out("int8", 1 / 256, -128)
    options = filled(schema.SoftmaxOptionsT(), beta=1.0)
    agree(
        sandwich("Softmax", [x], out),
        one_op("SOFTMAX", options, [x], out, (40, 11), version=2),
        [x.codes],
    )


@pytest.mark.parametrize("scale", [1 / 4096, 1 / 2048, 3 / 32768, 0.0005])
@pytest.mark.parametrize(
    ("op", "name"), [("Sigmoid", "LOGISTIC"), ("Tanh", "TANH"), ("Softmax", "SOFTMAX")]
)
def test_curves_of_16_bits(op, name, scale):
    every = np.arange(-(2**15), 2**15).astype(np.int16).reshape(256, 256)
    every = np.random.default_rng(5).permuted(every, axis=1) if op == "Softmax" else every
    x, out = Given(every, scale), Out("int16", 2.0**-15)
    options = filled(schema.SoftmaxOptionsT(), beta=1.0) if op == "Softmax" else None
    model = one_op(name, options, [x], out, every.shape, version=3)
    # The other kernels are as far from the reference ones as from these: 11 steps.
    agree(sandwich(op, [x], out), model, [every], reference=1, other=12)


@TYPES
@pytest.mark.parametrize("way", ["half_pixel", "align_corners", "asymmetric"])
@pytest.mark.parametrize("size", [(10, 14), (9, 11), (3, 4)])
def test_linear_resizing(size, way, dtype):
    rng = np.random.default_rng(6)
    x = data(rng, dtype, 1, 3, 5, 7)
    out, none = Out(dtype, x.scale, x.zero), np.zeros(0, np.float32)
    asked = [x, none, none, np.array([1, 3, *size])]
    found = sandwich("Resize", asked, out, mode="linear", coordinate_transformation_mode=way)
    options = filled(
        schema.ResizeBilinearOptionsT(), alignCorners=way == "align_corners",
        halfPixelCenters=way == "half_pixel",
    )  # fmt: skip
    reads = [turned(x), np.array(size, np.int32)]
    model = one_op("RESIZE_BILINEAR", options, reads, out, (1, *size, 3), version=3)
    agree(found, model, [last(x.codes)], first)


def quantizing(dtype, before, after):
    """A Q of real numbers, or of codes of another scale."""
    port = {"float32": "float", "int8": "int8", "int16": "int16"}[before.codes.dtype.name]
    made = {"int8": "int8", "int16": "int16"}[dtype]
    first = "r = DequantizeLinear (x, a, b)" if hasattr(before, "vector") else "r = Identity (x)"
    rows, columns = before.codes.shape
    text = f"""<ir_version: 10, opset_import: ["": 21]>
    net ({port}[{rows},{columns}] x) => ({made}[{rows},{columns}] y) {{
      {first}
      y = QuantizeLinear (r, c, d)
    }}"""
    weights = {"c": np.asarray(after.scale, np.float32), "d": np.asarray(after.zero, dtype)}
    if hasattr(before, "vector"):
        weights |= {"a": before.vector, "b": np.asarray(before.zero, dtype)}
    return graph.parse(text, weights)


@TYPES
@pytest.mark.parametrize("scale", [0.041, 0.017])
def test_codes_of_another_scale(scale, dtype):
    rng = np.random.default_rng(7)
    x, out = data(rng, dtype, 40, 11), Out(dtype, scale * STEP[dtype], -4 * ZERO[dtype])
    got = Simulator(quantizing(dtype, x, out), LITE).run({"x": x.codes})["y"]
    model = one_op("QUANTIZE", None, [x], out, x.codes.shape, version=2)
    assert steps_apart(got, run(model, [x.codes])) == 0
    assert steps_apart(got, run(model, [x.codes], reference=False)) <= 1


@pytest.mark.parametrize("scale", [0.03, 2 / 255, 1 / 128])
def test_real_inputs_halfway_between_codes(scale):
    halves = (np.arange(-300, 300) + 0.5) * np.float32(scale)
    x = Real(np.concatenate([halves, np.arange(256) / 127.5 - 1]).astype(np.float32)[None])
    out = Out("int8", scale, 4)
    got = Simulator(quantizing("int8", x, out), LITE).run({"x": x.codes})["y"]
    model = one_op("QUANTIZE", None, [x], out, x.codes.shape)
    assert steps_apart(got, run(model, [x.codes])) == 0
    assert steps_apart(got, run(model, [x.codes], reference=False)) <= 1
