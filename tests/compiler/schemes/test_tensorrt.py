"""Rules of TensorRT, one test each."""

from dataclasses import replace

import numpy as np
import pytest

from mcompile.oracle import Oracle
from mcompile.quantize import insert
from mcompile.schemes.tensorrt import TENSORRT_8, TENSORRT_10

from .programs import drawn, planned

CONV = {"w": (16, 16, 3, 3), "v": (16, 16, 3, 3), "b": (16,)}
PADS = "<pads = [1,1,1,1]>"


def lines(text, weights=(), scheme=TENSORRT_10, **options):
    program, found = planned(text, dict(weights), scheme, **options)
    return drawn(program, found, scheme), found


def net(body):
    return f"net (float[1,16,4,4] x) => (float[1,16,4,4] y) {{ {body} }}"


def test_every_zero_point_is_zero_and_activations_have_one_scale():
    found = lines(net(f"c = Conv {PADS} (x, w)  y = Sigmoid(c)"), CONV)[1].tensors
    assert {n: p.dtype for n, p in found.items()} == {"x": "int8", "w": "int8"}
    assert not any(p.zero_point.any() for p in found.values())
    assert found["x"].scale.shape == ()


@pytest.mark.parametrize(
    ("text", "shape", "axis"),
    [
        (net(f"y = Conv {PADS} (x, w)"), (16, 16, 3, 3), 0),
        (net("y = ConvTranspose(x, w)"), (16, 16, 1, 1), 1),
        ("net (float[4,16] x) => (float[4,24] y) { y = MatMul(x, w) }", (16, 24), 1),
        ("net (float[4,16] x) => (float[4,24] y) { y = Gemm <transB = 1> (x, w) }", (24, 16), 0),
    ],
)
def test_weights_have_a_scale_for_each_output(text, shape, axis):
    params = lines(text, {"w": shape})[1].tensors["w"]
    assert params.axis == axis
    assert params.scale.shape == (shape[axis],)


def test_biases_stay_real():
    assert lines(net(f"y = Conv {PADS} (x, w, b)"), CONV)[0][0] == "y = Conv([x], [w], b)"


def test_there_is_no_pair_between_a_convolution_and_what_it_fuses_with():
    body = f"c = Conv {PADS} (x, w)  n = BatchNormalization(c, s, s, s, s)  y = Relu(n)"
    found, _ = lines(net(body), CONV | {"s": np.ones(16, np.float32)})
    assert found == [
        "c = Conv([x], [w])",
        "n = BatchNormalization(c, s, s, s, s)",
        "y = Relu(n)",
        "-> y",
    ]


def test_of_a_residual_sum_only_the_other_branch_is_quantized():
    body = f"c = Conv {PADS} (x, w)  s = Add(c, x)  y = Relu(s)"
    assert lines(net(body), CONV)[0][1] == "s = Add(c, [x])"


def test_of_two_convolutions_the_earlier_is_the_other_branch():
    body = f"d = Conv {PADS} (x, v)  c = Conv {PADS} (x, w)  y = Add(c, d)"
    assert lines(net(body), CONV)[0][2] == "y = Add(c, [d])"


@pytest.mark.parametrize("order", [("d", "c"), ("c", "d")])
def test_of_two_convolutions_the_shorter_branch_is_the_other(order):
    """A block that halves the image: c ends the longer branch, whichever is computed first."""
    made = {"d": f"d = Conv {PADS} (x, v)", "c": f"r = Relu(x)  c = Conv {PADS} (r, w)"}
    body = "  ".join(made[name] for name in order)
    assert "y = Add(c, [d])" in lines(net(f"{body}  y = Add(c, d)"), CONV)[0]


def test_a_sum_without_a_convolution_is_left_alone():
    body = f"c = Conv {PADS} (x, w)  r = Sigmoid(c)  y = Add(r, x)"
    assert "y = Add(r, x)" in lines(net(body), CONV)[0]


def test_a_sum_behind_a_float_convolution_is_left_alone():
    body = f"c = Conv {PADS} (x, w)  y = Add(c, x)"
    found, plan = lines(net(body), CONV, keep_float=["c"])
    assert "y = Add(c, x)" in found
    assert plan.tensors == {}


def test_pools_read_integers_and_hand_on_float():
    text = f"""net (float[1,16,4,4] x) => (float[1,16,1,1] y) {{
      c = Conv {PADS} (x, w)
      p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (c)
      r = Sigmoid(p)
      y = GlobalAveragePool(r)
    }}"""
    found, _ = lines(text, CONV)
    assert found[1:] == ["p = MaxPool([c])", "r = Sigmoid(p)", "y = GlobalAveragePool([r])", "-> y"]


def test_what_a_concat_joins_for_a_convolution_has_one_scale():
    body = f"""a = Sigmoid(x)
      j = Concat <axis = 1> (a, x)
      y = Conv {PADS} (j, u)"""
    found, plan = lines(net(body), {"u": (16, 32, 3, 3)})
    assert found[1:3] == ["j = Concat([a], [x])", "y = Conv([j], [u])"]
    assert plan.tensors["a"] == plan.tensors["x"] == plan.tensors["j"]


def test_a_concat_that_no_layer_reads_stays_float():
    text = f"""net (float[1,16,4,4] x) => (float[1,32,4,4] y) {{
      c = Conv {PADS} (x, w)
      y = Concat <axis = 1> (c, x)
    }}"""
    found, plan = lines(text, CONV)
    assert "y = Concat(c, x)" in found
    assert {*plan.tensors} == {"x", "w"}


SMALL = [
    ("float[1,16] x) => (float[1,16] y", (16, 16), "with one row or column"),
    ("float[4,16] x) => (float[4,1] y", (16, 1), "by a weight thinner than 16"),
    ("float[4,16] x) => (float[4,15] y", (16, 15), "by a weight thinner than 16"),
    ("float[4,15] x) => (float[4,16] y", (15, 16), "by a weight thinner than 16"),
]


@pytest.mark.parametrize(("ports", "shape", "which"), SMALL)
def test_small_products_stay_float(ports, shape, which):
    found, plan = lines(f"net ({ports}) {{ y = MatMul(x, w) }}", {"w": shape})
    assert found == ["y = MatMul(x, w)", "-> y"]
    assert plan.left_float == {"y": f"a product {which} is no faster on integers"}


def test_products_of_sixteen_run_on_integers():
    text = "net (float[4,16] x) => (float[4,16] y) { y = MatMul(x, w) }"
    assert lines(text, {"w": (16, 16)})[0][0] == "y = MatMul([x], [w])"


THIN = [
    ((16, 16, 3, 3), 1, True),
    ((32, 3, 3, 3), 1, True),
    ((32, 3, 3, 1), 1, False),
    ((12, 12, 3, 3), 1, False),
    ((10, 16, 3, 3), 1, True),
    ((10, 20, 3, 3), 1, False),
    ((16, 1, 3, 3), 16, True),
    ((16, 1, 1, 1), 16, False),
]


@pytest.mark.parametrize(("shape", "group", "joins"), THIN)
def test_thin_convolutions_stay_float_unless_their_channels_come_in_eights(shape, group, joins):
    text = f"""net (float[1,{shape[1] * group},4,4] x) => (float[1,{shape[0]},M,N] y) {{
      a = Sigmoid(x)
      y = Conv <group = {group}> (a, w)
    }}"""
    _, plan = lines(text, {"w": shape})
    assert ("w" in plan.tensors) is joins
    because = "a convolution with fewer than 16 channels is no faster on integers"
    assert plan.left_float == ({} if joins else {"y": because})


def test_attention_stays_float_inside():
    text = """net (float[4,16] x) => (float[4,16] y) {
      q = MatMul(x, w)
      t = Transpose(x)
      a = MatMul(q, t)
      s = Softmax(a)
      y = MatMul(s, x)
    }"""
    found, plan = lines(text, {"w": (16, 16)})
    assert [n for n in found if "[" in n] == ["q = MatMul([x], [w])"]
    assert set(plan.left_float.values()) == {"its weight is computed, not constant"}


def test_release_8_reads_weights_as_real_numbers_behind_a_pair():
    found, _ = lines(net(f"y = Conv {PADS} (x, w, b)"), CONV, TENSORRT_8)
    assert found[0] == "y = Conv([x], {w}, b)"
    assert replace(TENSORRT_8, stores_weights=True) == TENSORRT_10


def test_codes_that_were_chosen_come_back_from_behind_the_pair():
    program, found = planned(net(f"y = Conv {PADS} (x, w)"), CONV, TENSORRT_8)
    chosen = np.random.default_rng(3).integers(-127, 128, (16, 16, 3, 3)).astype(np.int8)
    found = replace(found, codes={"w": chosen})
    data = {"x": np.random.default_rng(4).standard_normal((1, 16, 4, 4)).astype(np.float32)}
    results = [Oracle(insert(program, found, s)).run(data)["y"] for s in (TENSORRT_8, TENSORRT_10)]
    np.testing.assert_array_equal(*results)
