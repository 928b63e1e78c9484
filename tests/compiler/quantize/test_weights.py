"""Weight scales: their error bound, and that no pair of products can saturate."""

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile.quantize.weights import encode, is_depthwise, scales
from mcompile.types import Scheme

EXACT = Scheme("uint8", "int8")
SATURATING = Scheme("uint8", "int8", pair_saturates=True)


def node(op, **attributes):
    values = [ir.Value(name="x"), ir.Value(name="w")]
    return ir.node(op, values, attributes)


def heavy(shape, seed):
    """Weights with a long tail, so that channels differ."""
    return (np.random.default_rng(seed).standard_t(2, shape)).astype(np.float32)


CASES = [
    ("Conv", {}, (8, 6, 3, 3), 0),
    ("Conv", {"group": 8}, (8, 1, 3, 3), 0),
    ("MatMul", {}, (24, 10), 1),
    ("Gemm", {"transB": 1}, (10, 24), 0),
    ("Gemm", {}, (24, 10), 1),
    ("ConvTranspose", {}, (6, 8, 3, 3), 1),
    ("ConvTranspose", {"group": 2}, (6, 8, 3, 3), 1),
]


@pytest.mark.parametrize(("op", "attributes", "shape", "axis"), CASES)
def test_each_weight_is_within_half_a_step(op, attributes, shape, axis):
    weight = heavy(shape, 0)
    params = scales(node(op, **attributes), weight, EXACT)
    view = [1] * len(shape)
    view[axis] = -1
    step = params.scale.reshape(view)
    assert params.axis == axis
    assert np.all(np.abs(encode(weight, params) * step - weight) <= step * 0.5001)


def test_per_tensor_schemes_get_one_scale():
    weight = heavy((8, 6, 3, 3), 0)
    params = scales(node("Conv"), weight, Scheme("uint8", "int8", per_channel=False))
    assert params.scale.shape == ()
    assert params.scale == pytest.approx(np.abs(weight).max() / 127)


def test_some_ops_have_one_scale_where_others_have_one_by_channel():
    scheme = Scheme("int8", "int8", single=frozenset({"Gemm"}))
    weight = heavy((24, 10), 0)
    assert scales(node("Gemm"), weight, scheme).scale.shape == ()
    assert scales(node("MatMul"), weight, scheme).scale.shape == (10,)


ROWS = {
    "Conv": ((6, 5, 3, 3), lambda codes: np.moveaxis(codes, 1, -1).reshape(6, -1)),
    "ConvTranspose": ((5, 6, 3, 3), lambda codes: np.moveaxis(codes, 0, -1).reshape(6, -1)),
    "MatMul": ((31, 6), np.transpose),
    "Gemm": ((31, 6), np.transpose),
}


@given(st.integers(0, 10_000), st.sampled_from([*ROWS]))
@settings(deadline=None, max_examples=80, derandomize=True)
def test_no_pair_saturates_under_any_activation(seed, op):
    shape, flat = ROWS[op]
    weight = heavy(shape, seed)
    codes = encode(weight, scales(node(op), weight, SATURATING)).astype(np.int64)
    rows = flat(codes)
    rows = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))).reshape(6, -1, 2)
    worst = np.maximum(rows.clip(min=0).sum(2), (-rows).clip(min=0).sum(2)).max()
    assert worst * 255 <= 32767


def test_the_plain_scale_would_saturate_on_those_weights():
    weight = np.full((1, 2, 1, 1), 0.5, np.float32)
    codes = encode(weight, scales(node("Conv"), weight, EXACT)).astype(np.int64)
    assert codes.sum() * 255 > 32767


def test_depthwise_kernels_keep_all_eight_bits():
    weight = np.full((4, 1, 3, 3), 0.5, np.float32)
    codes = encode(weight, scales(node("Conv", group=4), weight, SATURATING))
    assert np.all(codes == 127)


def test_a_channel_of_zeros_has_a_scale():
    weight = np.zeros((2, 3, 1, 1), np.float32)
    params = scales(node("Conv"), weight, EXACT)
    assert np.all(params.scale > 0)
    assert not encode(weight, params).any()


@pytest.mark.parametrize("op", ["MatMul", "Gemm"])
def test_slabs_give_what_the_whole_would(op, monkeypatch):
    weight = heavy((64, 10), 3)
    whole = scales(node(op), weight, SATURATING)
    codes = encode(weight, whole)
    monkeypatch.setattr("mcompile.quantize.weights._SLAB", 70)
    np.testing.assert_array_equal(scales(node(op), weight, SATURATING).scale, whole.scale)
    np.testing.assert_array_equal(encode(weight, whole), codes)


@pytest.mark.parametrize(
    ("op", "group", "shape", "wanted"),
    [
        ("Conv", 4, (4, 1, 3, 3), True),
        ("Conv", 4, (8, 1, 3, 3), False),
        ("Conv", 2, (8, 2, 3, 3), False),
        ("Conv", 1, (8, 1, 3, 3), False),
        ("ConvTranspose", 4, (4, 1, 3, 3), True),
        ("ConvTranspose", 4, (4, 2, 3, 3), False),
        ("MatMul", 1, (4, 1), False),
    ],
)
def test_depthwise_makes_one_channel_of_one(op, group, shape, wanted):
    """With two of each, the kernels for all convolutions run, and add neighbours."""
    attributes = {"group": group} if op != "MatMul" else {}
    assert is_depthwise(node(op, **attributes), np.zeros(shape, np.float32)) is wanted
