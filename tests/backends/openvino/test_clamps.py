"""Minimum and Maximum are a Clamp."""

import numpy as np
import pytest

from .networks import assert_equal, count, pair, program

ENDS = {"l": np.float32(-1), "h": np.float32(2)}
CLIP = pair("x", "r") + "a = Max(r, l) y = Min(a, h)"


def test_two_ends_are_one_op():
    assert count(assert_equal(program(CLIP, ENDS))) == {"FakeQuantize": 1, "Clamp": 1}


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        (CLIP, {"l": np.float32(2), "h": np.float32(-1)}),
        (CLIP, {"l": np.zeros((2, 1, 1), np.float32), "h": np.float32(2)}),
        (pair("x", "r") + "a = Max(r, l) b = Min(a, h) y = Add(a, b)", ENDS),
    ],
    ids=["ends crossed", "ends by channel", "another reader"],
)
def test_other_ends_are_left(text, ends):
    assert not count(assert_equal(program(text, ends)))["Clamp"]
