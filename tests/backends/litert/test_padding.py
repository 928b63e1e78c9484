"""Windows: SAME as the runtime means it, pads that are written, sizes that come out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile.backends.litert.padding import SAME, VALID, Window, padded, with_height

from .desk import Desk

SMALL = st.integers(1, 9)


def window(sizes, kernel, strides=None, dilations=None, pads=None):
    ones, rank = (1,) * len(sizes), len(sizes)
    return Window(sizes, kernel, strides or ones, dilations or ones, pads or ((0, 0),) * rank)


@settings(derandomize=True, deadline=None, max_examples=80)
@given(SMALL, SMALL, SMALL, SMALL)
def test_same_makes_a_window_for_each_stride(size, kernel, stride, spread):
    ((before, behind),) = window((size,), (kernel,), (stride,), (spread,)).same()
    reach, wanted = (kernel - 1) * spread + 1, -(-size // stride)
    assert 0 <= behind - before <= 1
    if before + behind:
        assert (size + before + behind - reach) // stride + 1 == wanted
    else:
        assert (wanted - 1) * stride + reach <= size


def test_auto_pad_is_worked_out():
    body = 'y = MaxPool <kernel_shape = [3,2], auto_pad = "{}", strides = [2,1]> (x)'
    pads = {"SAME_UPPER": ((0, 1), (0, 1)), "SAME_LOWER": ((1, 0), (1, 0)), "VALID": ((0, 0),) * 2}
    for auto, wanted in pads.items():
        node = Desk("float[1,2,6,5] x", body.format(auto)).node
        assert Window.of(node, (6, 5), (3, 2)).pads == wanted


def test_pads_behind_follow_the_number_of_outputs():
    one = window((7,), (3,), (2,), pads=((1, 0),))
    assert one.touched((4,)).pads == ((1, 1),)
    assert one.touched((3,)).pads == ((1, 0),)
    assert one.reach == (3,)
    assert window((7,), (3,), dilations=(2,)).reach == (5,)


def test_views_of_a_window():
    one = window((7, 8), (3, 2), (2, 1), pads=((1, 0), (0, 2)))
    assert one.padded() == window((8, 10), (3, 2), (2, 1))
    assert one.along(slice(1, 2)).sizes == (8,)
    line = one.along(slice(0, 1)).flat()
    assert (line.sizes, line.kernel, line.pads) == ((1, 7), (1, 3), ((0, 0), (1, 0)))
    assert one.flat() is one
    assert one.fields(VALID) == {"padding": VALID, "strideH": 2, "strideW": 1,
                                 "dilationHFactor": 1, "dilationWFactor": 1}  # fmt: skip
    assert with_height((2, 7, 3)) == (2, 1, 7, 3)


@pytest.mark.parametrize(
    ("pads", "kinds", "how"),
    [(((0, 0), (0, 0)), [], VALID), (((1, 1), (0, 1)), [], SAME),
     (((2, 0), (0, 1)), ["PAD"], VALID)],
)  # fmt: skip
def test_only_what_the_runtime_does_not_pad_is_written(pads, kinds, how):
    desk = Desk()
    x = np.ones((1, 5, 6, 2), np.float32)
    made, padding = padded(desk.walk, desk.tensor(x), window((5, 6), (3, 2), pads=pads))
    assert (desk.kinds(), padding) == (kinds, how)
    if kinds:
        assert made.shape == (1, 7, 7, 2)
