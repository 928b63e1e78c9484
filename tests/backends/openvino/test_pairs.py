"""A Q/DQ pair is one FakeQuantize."""

import numpy as np
import pytest

from .networks import assert_equal, both, count, pair, program

SIGNED = {"z": np.int8(-30)}
CHANNELS = {
    "s": np.array([0.02, 0.5], np.float32),
    "z": np.array([100, 3], np.uint8),
}


@pytest.mark.parametrize("constants", [{}, SIGNED, {"z": np.uint8(0)}, {"z": np.uint8(255)}])
def test_a_pair_becomes_one_op_with_the_same_numbers(constants):
    model = assert_equal(program(pair("x", "r") + "y = Sin(r)", constants))
    assert count(model) == {"FakeQuantize": 1, "Sin": 1}


def test_ranges_by_channel_are_one_op_too():
    text = """q = QuantizeLinear <axis = 1> (x, s, z) r = DequantizeLinear <axis = 1> (q, s, z)
    y = Sin(r)"""
    model = assert_equal(program(text, CHANNELS))
    assert count(model) == {"FakeQuantize": 1, "Sin": 1}


def test_readers_with_one_scale_share_an_op_and_others_have_their_own():
    text = """q = QuantizeLinear(x, s, z)
    a = DequantizeLinear(q, s, z) b = DequantizeLinear(q, s, z) c = DequantizeLinear(q, t, z)
    d = Sin(a) e = Cos(b) f = Add(d, e) y = Add(f, c)"""
    assert count(assert_equal(program(text)))["FakeQuantize"] == 2


def test_a_pair_at_the_end_keeps_the_output_s_name():
    model = assert_equal(program("a = Sin(x)" + pair("a", "y")))
    assert count(model) == {"FakeQuantize": 1, "Sin": 1}
    assert "y" in model.output(0).get_names()


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        (pair("x", "r") + "y = Sin(r) i = Identity(rq)",
         "(float[1,2,6,6] x) => (float[1,2,6,6] y, uint8[1,2,6,6] i)"),
        ("q = QuantizeLinear(x, s, z) f = Flatten(q) y = DequantizeLinear(f, s, z)",
         "(float[1,2,6,6] x) => (float[1,72] y)"),
    ],
    ids=["integers leave the graph", "integers are moved"],
)  # fmt: skip
def test_a_pair_whose_integers_are_read_is_left(text, signature):
    assert count(assert_equal(program(text, None, signature)))["Convert"] >= 2


def test_a_model_without_pairs_is_left_as_it_was():
    one, two = both(program("a = Add(x, s) y = Sin(a)"))
    assert count(one) == count(two)
