"""Rules of OpenVINO, one test each."""

from dataclasses import replace

from mcompile.schemes.openvino import OPENVINO, OPENVINO_AVX2

from .programs import drawn, planned

CONV = {"w": (4, 4, 1, 1), "v": (4, 4, 1, 1)}


def test_activations_are_u8_and_weights_s8_by_channel():
    text = "net (float[1,4,2,2] x) => (float[1,4,2,2] y) { c = Conv(x, w)  y = Sigmoid(c) }"
    found = planned(text, CONV, OPENVINO)[1].tensors
    assert {n: p.dtype for n, p in found.items()} == {"x": "uint8", "c": "uint8", "w": "int8"}
    assert found["w"].scale.shape == (4,)


def test_only_cpus_without_vnni_saturate():
    assert replace(OPENVINO_AVX2, pair_saturates=False) == OPENVINO


def test_a_transposed_convolution_has_a_scale_for_each_output():
    text = """net (float[1,4,2,2] x) => (float[1,6,2,2] y) {
      c = ConvTranspose(x, t, b)
      y = Sigmoid(c)
    }"""
    program, found = planned(text, {"t": (4, 6, 1, 1), "b": (6,)}, OPENVINO)
    assert found.tensors["t"].axis == 1
    assert found.tensors["t"].scale.shape == (6,)
    assert drawn(program, found, OPENVINO) == [
        "c = ConvTranspose([x], [t], [b])",
        "y = Sigmoid([c])",
        "-> y",
    ]


def test_what_a_concat_joins_has_one_scale():
    text = """net (float[1,4,4,4] x) => (float[1,4,4,4] y) {
      a = Conv(x, w)
      b = Conv(x, v)
      j = Concat <axis = 1> (a, b)
      c = Conv(j, u)
      y = Sigmoid(c)
    }"""
    program, found = planned(text, CONV | {"u": (4, 8, 1, 1)}, OPENVINO)
    assert found.tensors["a"] == found.tensors["b"] == found.tensors["j"]
    assert "j = Concat([a], [b])" in drawn(program, found, OPENVINO)


def test_a_concat_that_leaves_the_graph_stays_float_though_a_layer_reads_its_integers():
    text = """net (float[1,4,4,4] x) => (float[1,8,4,4] j, float[1,4,4,4] y) {
      a = Conv(x, w)
      b = Conv(x, v)
      j = Concat <axis = 1> (a, b)
      c = Conv(j, u)
      y = Sigmoid(c)
    }"""
    program, found = planned(text, CONV | {"u": (4, 8, 1, 1)}, OPENVINO)
    assert found.left_float == {"j": "its output leaves the graph"}
    lines = drawn(program, found, OPENVINO)
    assert {"j = Concat([a], [b])", "c = Conv([j], [u])", "-> j", "-> y"} <= {*lines}


def test_a_residual_block_stays_on_integers():
    text = """net (float[1,4,4,4] x) => (float[1,4,4,4] y) {
      a = Conv(x, w)
      s = Add(a, x)
      c = Conv(s, v)
      y = Sigmoid(c)
    }"""
    program, found = planned(text, CONV, OPENVINO)
    assert drawn(program, found, OPENVINO)[1:3] == ["s = Add([a], [x])", "c = Conv([s], [v])"]


def test_a_float_layer_needs_no_guard():
    assert not OPENVINO.fills_in


def test_an_activation_with_constant_slopes_is_part_of_the_kernel():
    text = """net (float[1,4,2,2] x) => (float[1,4,2,2] y) {
      a = Conv(x, w)
      p = PRelu(a, t)
      c = Conv(p, v)
      l = LeakyRelu(c)
      d = Conv(l, w)
      h = HardSwish(d)
      e = Conv(h, w)
      y = Sigmoid(e)
    }"""
    found = planned(text, CONV | {"t": (4, 1, 1)}, OPENVINO)[1].tensors
    assert {*found} == {"x", "w", "p", "v", "l", "h", "e"}


def test_slopes_that_are_computed_are_not():
    text = """net (float[1,4,2,2] x) => (float[1,4,2,2] y) {
      n = Neg(x)
      a = Conv(x, w)
      p = PRelu(a, n)
      c = Conv(p, v)
      y = Sigmoid(c)
    }"""
    found = planned(text, CONV, OPENVINO)[1].tensors
    assert {*found} == {"x", "w", "a", "p", "v", "c"}
