"""Lanes behind ops that move values: as numpy moves an array of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.quantize.regroup import regrouped, reshaped


def test_channels_that_are_flattened_repeat_over_their_pixels():
    ids = np.arange(3).reshape(1, 3, 1, 1)
    found = reshaped(ids, ("batch", 3, 2, 2), ("batch", 12))
    assert found.tolist() == [[0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]]


def test_a_batch_beside_the_channels_is_no_hindrance():
    ids = np.arange(6).reshape(1, 1, 6)
    assert reshaped(ids, (7, "batch", 6), (7, "batch", 2, 3)).shape == (1, 1, 2, 3)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((7, "batch", 6), (7, "6*batch")),
        (("batch", 6), (6, "batch")),
        (("batch", 6), ("other", 6)),
        ((1, 6), (1, 7)),
        ((1, 1, 6), (1, 6)),
        ((1, 1 << 25), (1, 1 << 24, 2)),
    ],
)
def test_what_cannot_be_told_is_not_told(before, after):
    assert reshaped(np.arange(6).reshape(1, 6), before, after) is None


@given(st.permutations([0, 1, 2]), st.integers(0, 2), st.sampled_from([(24,), (4, 6), (2, 12)]))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_lanes_are_what_moving_an_array_of_them_gives(order, axis, target):
    shape = (2, 3, 4)
    ids = np.arange(shape[axis]).reshape([-1 if k == axis else 1 for k in range(3)])
    text = f"""<ir_version: 9, opset_import: ["": 17]> g (float[2,3,4] x) => (float[24] y) {{
      t = Transpose <perm = {list(order)}> (x)
      r = Reshape(t, target)
      y = Reshape(r, flat)
    }}"""
    program = graph.parse(text, {"target": np.array(target), "flat": np.array([24])})
    graph.infer_shapes(program)
    turn, move, flat = list(program.graph.graph)
    found = regrouped(flat, regrouped(move, regrouped(turn, ids, forward=True), forward=True),
                      forward=True)  # fmt: skip
    whole = np.broadcast_to(ids, shape).transpose(order).reshape(-1)
    np.testing.assert_array_equal(np.broadcast_to(found, (24,)), whole)
    np.testing.assert_array_equal(regrouped(turn, regrouped(turn, ids, forward=True),
                                            forward=False), ids)  # fmt: skip
