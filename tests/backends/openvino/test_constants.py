"""Constants are folded, and stored weights stay integers."""

import numpy as np
import pytest

from .networks import assert_equal, count, pair, program

WEIGHT = "w = DequantizeLinear <axis = 0> (i, v, o)\n"
RNG = np.random.default_rng(0)


def weight(shape, zero=0, kind=np.int8):
    return {
        "i": RNG.integers(0, 100, shape).astype(kind),
        "v": np.full(shape[0], 0.01, np.float32),
        "o": np.full(shape[0], zero, kind),
        "b": np.arange(shape[0], dtype=np.float32),
    }


def stored(model):
    """The types of the constants that a Convert reads."""
    readers = [n for n in model.get_ordered_ops() if n.get_type_name() == "Convert"]
    return [n.input_value(0).get_element_type().get_type_name() for n in readers]


@pytest.mark.parametrize(("zero", "rest"), [(0, {}), (3, {"Subtract": 1})])
@pytest.mark.parametrize("kind", [np.int8, np.uint8])
def test_a_weight_stays_integers_with_its_scale_in_shape(zero, rest, kind):
    text = pair("x", "r") + WEIGHT + "y = Conv(r, w, b)"
    model = assert_equal(program(text, weight((2, 2, 1, 1), zero, kind)))
    assert count(model) == {"FakeQuantize": 1, "Convolution": 1, "Add": 1, "Convert": 1,
                            "Multiply": 1, **rest}  # fmt: skip
    assert stored(model) == [{np.int8: "i8", np.uint8: "u8"}[kind]]


def test_the_shape_of_a_grouped_weight_is_a_constant():
    text = pair("x", "r") + WEIGHT + "y = Conv <group = 2> (r, w, b)"
    model = assert_equal(program(text, weight((2, 1, 1, 1))))
    assert count(model) == {"FakeQuantize": 1, "GroupConvolution": 1, "Add": 1, "Convert": 1,
                            "Multiply": 1, "Reshape": 1}  # fmt: skip
    assert stored(model) == ["i8"]


def test_a_free_size_is_no_obstacle():
    text = pair("x", "r") + WEIGHT + "y = Conv(r, w, b)"
    free = "(float[n,2,6,6] x) => (float[n,2,6,6] y)"
    model = assert_equal(program(text, weight((2, 2, 1, 1)), free))
    assert not {"ShapeOf", "Reshape", "Broadcast", "Concat"} & {*count(model)}


def test_what_would_grow_stays_computed():
    text = (
        pair("x", "r")
        + "e = Expand(b, k) f = Sin(e) g = ReduceSum <keepdims = 0> (f) y = Add(r, g)"
    )
    held = {"b": np.ones((1, 8), np.float32), "k": np.array([4096, 8])}
    model = assert_equal(program(text, held))
    assert max(n.output(0).get_shape()[0] for n in model.get_ordered_ops()
               if n.get_type_name() == "Constant" and n.output(0).get_shape()) < 4096  # fmt: skip
