"""A FakeQuantize behind what moves values is before it, or gone."""

import numpy as np
import pytest

from .networks import assert_equal, count, pair, program

POOL = "MaxPool <kernel_shape = [2,2], strides = [1,1], pads = [0,0,1,1]>"
CHANNELS = {"t": np.array([0.02, 0.5], np.float32), "u": np.array([100, 3], np.uint8)}


def order(model):
    found = [n.get_type_name() for n in model.get_ordered_ops()]
    return [t for t in found if t not in {"Constant", "Parameter", "Result"}]


@pytest.mark.parametrize(
    "moved",
    [
        f"m = {POOL} (r)",
        "m = Transpose <perm = [0,1,3,2]> (r)",
        f"n = {POOL} (r) m = Transpose <perm = [0,1,3,2]> (n)",
    ],
)
def test_the_same_range_again_is_dropped(moved):
    text = pair("x", "r") + moved + pair("m", "p") + "y = Sin(p)"
    assert count(assert_equal(program(text)))["FakeQuantize"] == 1


@pytest.mark.parametrize("second", ["t, z", "s, u"])
def test_another_range_is_moved_to_the_front(second):
    text = pair("x", "r") + f"a = Sin(r) m = {POOL} (a)" + pair("m", "p", second) + "y = Cos(p)"
    found = order(assert_equal(program(text)))
    assert found == ["FakeQuantize", "Sin", "FakeQuantize", "MaxPool", "Cos"]


@pytest.mark.parametrize(
    "text",
    [
        f"a = Sin(x) m = {POOL} (a) n = Cos(m)" + pair("m", "p") + "y = Add(p, n)",
        f"a = Sin(x) m = {POOL} (a) n = Cos(a)" + pair("m", "p") + "y = Add(p, n)",
        "a = Sin(x) m = MaxPool <kernel_shape = [2,2], dilations = [5,5], pads = [3,3,2,2]> (a)"
        + pair("m", "p") + "y = Cos(p)",
        f"a = Sin(x) m, k = {POOL} (a)" + pair("m", "p") + "n = Cast <to = 1> (k) y = Add(p, n)",
    ],
    ids=["the pool is read", "its source is read", "windows of padding alone", "indices are read"],
)  # fmt: skip
def test_what_others_see_stays_as_it_was(text):
    found = order(assert_equal(program(text)))
    assert found.index("MaxPool") < found.index("FakeQuantize")


def test_a_range_by_channel_is_not_moved():
    pairs = """q = QuantizeLinear <axis = 1> (m, t, u) p = DequantizeLinear <axis = 1> (q, t, u)"""
    found = order(assert_equal(program(f"a = Sin(x) m = {POOL} (a) {pairs} y = Cos(p)", CHANNELS)))
    assert found == ["Sin", "MaxPool", "FakeQuantize", "Cos"]
