from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.algebra import linear
from mcompile.algebra.linear import Layer, Side


def weights(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def parse(text, **given):
    program = graph.parse(f'<ir_version: 8, opset_import: ["" : 17]> {text}', given)
    graph.infer_shapes(program)
    return list(program.graph.graph)


CHANNELS = Side(4, -3, 3)
COLUMNS = Side(None, -1, 3)


@pytest.mark.parametrize(
    ("shape", "side", "fits"),
    [
        ((), CHANNELS, True),
        ((3, 1, 1), CHANNELS, True),
        ((1, 3, 1, 1), CHANNELS, True),
        ((1, 1, 1, 1), CHANNELS, True),
        ((3,), CHANNELS, False),
        ((3, 3, 1), CHANNELS, False),
        ((4, 1, 1), CHANNELS, False),
        ((1, 1, 1, 1, 1), CHANNELS, False),
        ((3,), COLUMNS, True),
        ((1,), COLUMNS, True),
        ((1, 3), COLUMNS, False),
        ((1, 3), Side(2, -1, 3), True),
        ((3, 1), Side(2, -1, 3), False),
        ((4,), Side(2, -1, 1), False),
        ((0,), COLUMNS, False),
    ],
)
def test_a_constant_is_a_number_per_channel_or_it_is_not(shape, side, fits):
    data = weights(*shape)
    found = linear.vector(data, side)
    assert (found is not None) == fits
    if found is not None:
        np.testing.assert_array_equal(found, np.broadcast_to(data.reshape(-1), side.channels))


@pytest.mark.parametrize(
    ("layer", "shape", "outgoing", "incoming"),
    [
        ("Conv<group = 2>(x, w)", (6, 2, 3, 3), Side(4, -3, 6), Side(4, -3, 4)),
        ("ConvTranspose<group = 2>(x, w)", (4, 3, 3, 3), Side(4, -3, 6), Side(4, -3, 4)),
        ("Gemm(m, w)", (5, 3), Side(2, -1, 3), Side(2, -1, 5)),
        ("Gemm<transB = 1>(m, w)", (3, 5), Side(2, -1, 3), Side(2, -1, 5)),
        ("MatMul(m, w)", (5, 3), Side(2, -1, 3), Side(2, -1, 5)),
    ],
)
def test_where_the_channels_of_a_layer_lie(layer, shape, outgoing, incoming):
    (node,) = parse(
        f"g (float[1,4,6,6] x, float[2,5] m) => (y) {{ y = {layer} }}", w=weights(*shape)
    )
    assert linear.is_layer(node)
    assert (Layer(node).outgoing(), Layer(node).incoming()) == (outgoing, incoming)


@pytest.mark.parametrize(
    "text",
    [
        "y = MatMul(m, w3)",
        "y = MatMul(m, v)",
        "y = Gemm<transA = 1>(m, w)",
        "y = MatMulInteger(i, k)",
        "y = MatMul(i, k)",
        "y = Relu(m)",
    ],
)
def test_what_is_no_layer(text):
    (node,) = parse(
        f"g (float[2,5] m, float[5,3] v, int32[2,5] i) => (y) {{ {text} }}",
        w3=weights(1, 5, 3),
        w=weights(2, 3),
        k=np.ones((5, 3), np.int32),
    )
    assert not linear.is_layer(node)


def test_the_add_behind_a_matmul_is_its_bias():
    matmul, add = parse(
        "g (float[2,5] m) => (y) { c = MatMul(m, w) y = Add(b, c) }",
        w=weights(5, 3),
        b=weights(1, 3),
    )
    layer = linear.of(matmul)
    assert layer.added is add
    assert layer == linear.behind(add.outputs[0])
    assert linear.behind(matmul.outputs[0]) == Layer(matmul)
    np.testing.assert_array_equal(layer.bias(), weights(1, 3))
    assert layer.output is add.outputs[0]


@pytest.mark.parametrize("other", ["rows", "m3"])
def test_an_add_of_anything_else_is_none(other):
    matmul, add = parse(
        f"g (float[2,5] m, float[2,3] m3) => (y) {{ c = MatMul(m, w) y = Add(c, {other}) }}",
        w=weights(5, 3),
        rows=weights(2, 1),
    )
    assert linear.of(matmul).added is None
    assert linear.behind(add.outputs[0]) is None


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("Conv<group = 2>(x, w)", (6, 2, 3, 3)),
        ("Gemm<alpha = 2.0, transB = 1>(m, w)", (3, 4)),
        ("Gemm(m, w)", (4, 3)),
        ("MatMul(m, w)", (4, 3)),
    ],
)
def test_the_response_to_a_shift_is_what_the_layer_gives(layer, shape):
    text = f"g (float[1,4,3,3] x, float[1,4] m) => (y) {{ y = {layer} }}"
    (node,) = parse(text, w=weights(*shape))
    shift = weights(4, seed=2)
    found = linear.response(Layer(node), shift.astype(np.float64))
    weight = weights(*shape).astype(np.float64)
    if node.op_type == "Conv":
        halves = [(weight[:3], shift[:2]), (weight[3:], shift[2:])]
        want = np.concatenate([np.einsum("oikl,i->o", w, t) for w, t in halves])
    elif "transB" in layer:
        want = 2 * weight @ shift
    else:
        want = shift @ weight
    np.testing.assert_allclose(found, want, rtol=1e-12)


@pytest.mark.parametrize(
    ("attributes", "padded"),
    [
        ("", False),
        ("<pads = [0, 0, 0, 0]>", False),
        ("<pads = [0, 0, 0, 1]>", True),
        ('<auto_pad = "VALID">', False),
        ('<auto_pad = "SAME_LOWER">', True),
    ],
)
def test_a_conv_that_pads(attributes, padded):
    (node,) = parse(
        f"g (float[1,4,3,3] x) => (y) {{ y = Conv{attributes}(x, w) }}", w=weights(3, 4, 3, 3)
    )
    assert Layer(node).padded() == padded


def test_numbers_fit_when_they_are_finite_and_not_all_but_nothing():
    half = np.dtype(np.float16)
    assert linear.fits(np.array([6e4, 0]), half)
    assert linear.fits(np.zeros(2), half)
    assert not linear.fits(np.array([7e4]), half)
    assert not linear.fits(np.array([np.inf]), half)
    assert not linear.fits(np.array([1e-6]), half)
