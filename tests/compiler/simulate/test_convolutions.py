"""Sums of convolutions, held against the runtime's float kernels on the same integers."""

import numpy as np
import onnx_ir as ir
import pytest

from mcompile.oracle import evaluate
from mcompile.simulate.coded import Coded
from mcompile.simulate.convolutions import conv, conv_transpose
from mcompile.types import QParams

from .sandwiches import X86, codes, weights


def coded(data, zero):
    return Coded(
        data, QParams(np.ones((), np.float32), np.asarray(zero, data.dtype), data.dtype.name)
    )


def node_of(op, **how):
    node = ir.node(op, [None, None], how)
    node.outputs[0].name = "y"
    return node


def floats(node, data, weight):
    given = [one.centered().astype(np.float32) for one in (data, weight)]
    return evaluate(node, given, {"": 19})[0]


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(
    "how",
    [
        {"pads": [0, 1, 2, 1]}, {"strides": [2, 1], "auto_pad": "SAME_LOWER"},
        {"dilations": [2, 1], "pads": [1, 2, 0, 0]}, {"strides": [3, 2]},
    ],
)  # fmt: skip
def test_sums_of_a_convolution(how, groups):
    rng = np.random.default_rng(0)
    data = coded(codes(rng, "uint8", 2, 4, 9, 8), 77)
    weight = coded(weights(rng, 8, 4 // groups, 3, 2), 0)
    node = node_of("Conv", group=groups, **how)
    np.testing.assert_array_equal(conv(node, data, weight, X86), floats(node, data, weight))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    "how",
    [
        {}, {"strides": [2, 3], "pads": [1, 0, 0, 1]},
        {"strides": [2, 2], "output_padding": [1, 0]},
        {"strides": [3, 2], "auto_pad": "SAME_UPPER"}, {"dilations": [2, 1]},
        {"strides": [2, 2], "output_shape": [11, 9]},
    ],
)  # fmt: skip
def test_sums_of_a_transposed_convolution(how, groups):
    rng = np.random.default_rng(1)
    data = coded(codes(rng, "int8", 2, 4, 5, 4), -7)
    weight = coded(weights(rng, 4, 3, 3, 2), 0)
    node = node_of("ConvTranspose", group=groups, **how)
    np.testing.assert_array_equal(conv_transpose(node, data, weight), floats(node, data, weight))


def test_sums_of_16_bits_are_exact_beyond_32():
    data = coded(np.full((1, 900, 1, 1), 32767, np.int16), 0)
    weight = coded(np.full((1, 900, 1, 1), 127, np.int8), 0)
    node = node_of("Conv")
    assert int(conv(node, data, weight, X86).item()) == 900 * 32767 * 127
