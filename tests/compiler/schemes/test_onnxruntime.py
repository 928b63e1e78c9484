"""Rules of ONNX Runtime, one test each."""

from dataclasses import replace

import pytest

from mcompile.schemes.onnxruntime import ONNXRUNTIME_ARM, ONNXRUNTIME_AVX2, ONNXRUNTIME_VNNI

from .programs import drawn, planned

CONV = {"w": (4, 4, 1, 1), "v": (4, 4, 1, 1)}
SCHEMES = [ONNXRUNTIME_AVX2, ONNXRUNTIME_VNNI, ONNXRUNTIME_ARM]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_activations_are_u8_and_weights_s8_by_channel(scheme):
    text = "net (float[1,4,2,2] x) => (float[1,4,2,2] y) { c = Conv(x, w)  y = Sigmoid(c) }"
    found = planned(text, CONV, scheme)[1].tensors
    assert {n: p.dtype for n, p in found.items()} == {"x": "uint8", "c": "uint8", "w": "int8"}
    assert found["w"].axis == 0
    assert found["w"].scale.shape == (4,)
    assert not found["w"].zero_point.any()


def test_only_x86_without_vnni_saturates():
    assert replace(ONNXRUNTIME_AVX2, pair_saturates=False) == ONNXRUNTIME_VNNI
    assert not ONNXRUNTIME_ARM.pair_saturates


def test_a_gemm_hands_on_float_and_a_conv_does_not():
    text = """net (float[1,4,1,1] x) => (float[1,4] y) {
      c = Conv(x, w)
      f = Flatten(c)
      y = Gemm(f, g)
    }"""
    program, found = planned(text, CONV | {"g": (4, 4)}, ONNXRUNTIME_VNNI)
    assert drawn(program, found, ONNXRUNTIME_VNNI) == [
        "c = Conv([x], [w])",
        "f = Flatten([c])",
        "y = Gemm([f], [g])",
        "-> y",
    ]


def test_a_residual_block_stays_on_integers():
    text = """net (float[1,4,4,4] x) => (float[1,4,4,4] y) {
      a0 = Conv(x, w)
      a = Relu(a0)
      s = Add(a, x)
      c = Conv(s, v)
      y = Sigmoid(c)
    }"""
    program, found = planned(text, CONV, ONNXRUNTIME_VNNI)
    assert drawn(program, found, ONNXRUNTIME_VNNI) == [
        "a0 = Conv([x], [w])",
        "a = Relu(a0)",
        "s = Add([a], [x])",
        "c = Conv([s], [v])",
        "y = Sigmoid([c])",
        "-> y",
    ]


def test_a_max_pool_keeps_its_scale_and_a_concat_does_not():
    text = """net (float[1,4,4,4] x) => (float[1,4,2,2] y) {
      a = Conv(x, w)
      b = Conv(x, v)
      j = Concat <axis = 1> (a, b)
      p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (j)
      c = Conv(p, u)
      y = Sigmoid(c)
    }"""
    found = planned(text, CONV | {"u": (4, 8, 1, 1)}, ONNXRUNTIME_VNNI)[1].tensors
    assert found["p"] == found["j"]
    assert found["a"].scale != found["b"].scale


def test_a_float_layer_between_integer_ones_is_guarded():
    text = """net (float[1,4,2,2] x) => (float[1,4,2,2] y) {
      a = Conv(x, w)
      b = Conv(a, v)
      c = Conv(b, w)
      y = Sigmoid(c)
    }"""
    program, found = planned(text, CONV, ONNXRUNTIME_VNNI, keep_float=["b"])
    assert "b = Conv([a], v)" in drawn(program, found, ONNXRUNTIME_VNNI)
    assert ONNXRUNTIME_VNNI.fills_in


@pytest.mark.parametrize("behind", ["Relu", "Clip"])
def test_a_sum_and_the_activation_behind_it_stay_on_integers(behind):
    """The activation between has no scale of its own: it vanishes into the Q behind it."""
    text = f"""net (float[1,4,4,4] x) => (float[1,4,4,4] y) {{
      a = Conv(x, w)
      s = Add(a, x)
      r = {behind}(s)
      c = Conv(r, v)
      y = Sigmoid(c)
    }}"""
    program, found = planned(text, CONV, ONNXRUNTIME_VNNI)
    assert drawn(program, found, ONNXRUNTIME_VNNI) == [
        "a = Conv([x], [w])",
        "s = Add([a], [x])",
        f"r = {behind}(s)",
        "c = Conv([r], [v])",
        "y = Sigmoid([c])",
        "-> y",
    ]
