"""Each op alone, fed the same integers, against ONNX Runtime's integer kernels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile.simulate import Simulator

from .sandwiches import X86, Given, Out, codes, runtime, sandwich, steps_apart, weights

MANY = settings(derandomize=True, deadline=None, max_examples=12)
SEEDS = st.integers(0, 2**16)


def agree(program, feeds, scheme=X86, most=1):
    """The simulation is at most a step from the kernels, and from the nodes as they are written."""
    simulator = Simulator(program, scheme)
    assert simulator.integer == ("o0",)
    got = simulator.run(feeds)["y"]
    assert np.unique(got).size > 1
    assert steps_apart(got, runtime(program, feeds)) <= most
    assert steps_apart(got, runtime(program, feeds, fused=False)) <= most


def data(rng, *shape, dtype="uint8"):
    return Given(codes(rng, dtype, *shape), 0.03, 131 if dtype == "uint8" else 3)


def layer(rng, axis, *shape, signed=True):
    """A weight with a scale for each output channel."""
    count = shape[axis]
    return Given(weights(rng, *shape), rng.uniform(0.004, 0.02, count), 0, axis, True)


def bias(rng, one, weight):
    return Given(
        rng.integers(-4000, 4000, weight.vector.size, np.int32),
        np.float32(one.scale) * weight.vector, 0, 0, True,
    )  # fmt: skip


@MANY
@given(
    SEEDS, st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2),
    st.sampled_from([1, 2, 4]), st.sampled_from(["uint8", "int8"]),
)  # fmt: skip
def test_convolutions_of_any_shape(seed, rank, kernel, stride, dilation, groups, dtype):
    rng = np.random.default_rng(seed)
    inner, outer = 4 * rng.integers(1, 4), 4 * rng.integers(1, 3)
    x = data(rng, 2, inner, *rng.integers(5, 9, rank), dtype=dtype)
    w = layer(rng, 0, outer, inner // groups, *[kernel] * rank)
    pads = [int(p) for p in rng.integers(0, 2, 2 * rank)]
    out = Out(dtype, 0.6 * np.sqrt(inner // groups * kernel**rank / 9), 100)
    agree(
        *sandwich(
            "Conv", [x, w, bias(rng, x, w)], out, group=groups, pads=pads,
            strides=[stride] * rank, dilations=[dilation] * rank,
        )
    )  # fmt: skip


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_depthwise_convolutions(auto_pad, multiplier):
    rng = np.random.default_rng(3)
    x, w = data(rng, 1, 6, 8, 9), layer(rng, 0, 6 * multiplier, 1, 3, 3)
    read = [x, w, bias(rng, x, w)]
    agree(
        *sandwich("Conv", read, Out("uint8", 0.4, 120), group=6, auto_pad=auto_pad, strides=[2, 2])
    )


def test_a_convolution_with_one_scale_for_all_channels():
    rng = np.random.default_rng(10)
    x, w = data(rng, 2, 3, 8, 8), Given(weights(rng, 8, 3, 3, 3), 0.01, 0, None, True)
    b = Given(rng.integers(-4000, 4000, 8, np.int32), np.float32(0.03) * w.vector, 0, None, True)
    agree(*sandwich("Conv", [x, w, b], Out("uint8", 0.5, 128)))


@pytest.mark.parametrize("then", [("Relu", {}), ("Clip", {})])
def test_an_activation_behind_a_convolution_is_absorbed(then):
    rng = np.random.default_rng(4)
    x, w = data(rng, 1, 3, 8, 8), layer(rng, 0, 8, 3, 3, 3)
    agree(*sandwich("Conv", [x, w, bias(rng, x, w)], Out("uint8", 0.3, 0), then=[then]))


@MANY
@given(SEEDS, st.integers(1, 2), st.integers(1, 3), st.sampled_from([1, 2]), st.booleans())
def test_transposed_convolutions(seed, rank, kernel, groups, upper):
    rng = np.random.default_rng(seed)
    x = data(rng, 2, 4, *rng.integers(3, 7, rank))
    w = Given(weights(rng, 4, 3, *[kernel] * rank), 0.01, 0, None, True)
    how = (
        {"auto_pad": "SAME_UPPER" if upper else "SAME_LOWER"}
        if seed % 2
        else {"output_padding": [1] * rank}
    )
    found = sandwich(
        "ConvTranspose", [x, w], Out("uint8", 0.5, 110), group=groups, strides=[2] * rank, **how
    )
    agree(*found)


@MANY
@given(SEEDS, st.integers(1, 9), st.integers(1, 70), st.integers(2, 12), st.booleans())
def test_gemms(seed, rows, inner, columns, turned):
    rng = np.random.default_rng(seed)
    x = data(rng, rows, inner)
    w = layer(rng, 0, columns, inner) if turned else layer(rng, 1, inner, columns)
    out = Out("uint8", 0.4 * np.sqrt(inner / 9), 90)
    agree(*sandwich("Gemm", [x, w, bias(rng, x, w)], out, transB=int(turned)))


@MANY
@given(SEEDS, st.integers(1, 4), st.integers(1, 70), st.sampled_from(["uint8", "int8"]))
def test_products_of_a_matrix_and_a_weight(seed, batch, inner, dtype):
    rng = np.random.default_rng(seed)
    x, w = data(rng, batch, 5, inner, dtype=dtype), layer(rng, 1, inner, 7)
    agree(*sandwich("MatMul", [x, w], Out(dtype, 0.4 * np.sqrt(inner / 9), 90)))


def test_products_of_two_activations():
    rng = np.random.default_rng(5)
    x, y = data(rng, 2, 3, 6, 20), Given(codes(rng, "uint8", 2, 3, 20, 6), 0.02, 100)
    agree(*sandwich("MatMul", [x, y], Out("uint8", 0.9, 128)))


def test_a_product_that_hands_on_floats():
    rng = np.random.default_rng(6)
    program, feeds = sandwich("MatMul", [data(rng, 2, 5, 40), layer(rng, 1, 40, 7)], None)
    simulator = Simulator(program, X86)
    assert simulator.integer == ("y",)
    np.testing.assert_allclose(
        simulator.run(feeds)["y"], runtime(program, feeds), rtol=1e-5, atol=1e-4
    )


@MANY
@given(SEEDS, st.sampled_from(["Add", "Sub", "Mul"]), st.sampled_from(["uint8", "int8"]))
def test_elementwise_ops(seed, op, dtype):
    rng = np.random.default_rng(seed)
    x = data(rng, 2, 3, 4, 5, dtype=dtype)
    y = Given(codes(rng, dtype, 3, 1, 5), rng.uniform(0.01, 0.1), 20)
    agree(*sandwich(op, [x, y], Out(dtype, 0.08, 64)))


@MANY
@given(SEEDS, st.integers(1, 3), st.integers(1, 2), st.integers(0, 1), st.integers(0, 1))
def test_average_pools(seed, kernel, stride, pad, counted):
    rng = np.random.default_rng(seed)
    pad = min(pad, kernel - 1)
    found = sandwich(
        "AveragePool", [data(rng, 1, 3, 8, 7)], Out("uint8", 0.025, 120), kernel_shape=[kernel] * 2,
        strides=[stride] * 2, pads=[pad] * 4, count_include_pad=counted,
    )  # fmt: skip
    agree(*found)


def test_a_pool_that_rounds_its_size_up():
    rng = np.random.default_rng(7)
    read, out = [data(rng, 1, 3, 8, 8)], Out("uint8", 0.025, 120)
    agree(*sandwich("AveragePool", read, out, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1))


def test_whole_averages():
    rng = np.random.default_rng(8)
    agree(*sandwich("GlobalAveragePool", [data(rng, 2, 9, 8, 7)], Out("uint8", 0.003, 120)))
    read = [data(rng, 2, 9, 8, 7), np.array([-1, 2])]
    agree(*sandwich("ReduceMean", read, Out("uint8", 0.003, 120), keepdims=0))


@pytest.mark.parametrize(
    ("op", "how"),
    [
        ("Relu", {}), ("LeakyRelu", {"alpha": 0.1}), ("Softmax", {}), ("Sigmoid", {}),
        ("Tanh", {}), ("HardSwish", {}), ("MaxPool", {"kernel_shape": [2, 2]}),
        ("Transpose", {"perm": [0, 2, 3, 1]}), ("Flatten", {}),
    ],
)  # fmt: skip
def test_ops_that_are_left_to_the_reference_runtime(op, how):
    rng = np.random.default_rng(9)
    one = data(rng, 1, 3, 8, 7)
    scale, zero = {"Softmax": (1 / 256, 0), "Sigmoid": (1 / 256, 0)}.get(op, (one.scale, one.zero))
    program, feeds = sandwich(op, [one], Out("uint8", scale, zero), **how)
    simulator = Simulator(program, X86)
    assert simulator.integer == ()
    assert steps_apart(simulator.run(feeds)["y"], runtime(program, feeds)) <= 1
