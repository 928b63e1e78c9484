"""What a node reads: constants offline, codes or reals, numbers that say how."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.draft import Quant
from mcompile.backends.litert.reading import reals
from mcompile.errors import Broken, LoweringError

from .desk import Desk


def test_reals_of_codes_by_channel_and_in_all():
    codes = np.int8([[1, 2], [3, -4]])
    assert reals(codes, Quant((0.5,), (1,))).tolist() == [[0, 0.5], [1, -2.5]]
    by_row = reals(codes, Quant((0.5, 2.0), (0, 1), 0))
    assert by_row.tolist() == [[0.5, 1.0], [4.0, -10.0]]
    assert reals(codes, Quant((0.5, 2.0), (0, 0), 1)).tolist() == [[0.5, 4.0], [1.5, -8.0]]


def test_constants_are_permuted_offline():
    data = np.arange(6, dtype=np.float32).reshape(2, 3)
    desk = Desk("float[2,3] x", "y = Add (x, c)", c=data)
    found = desk.walk.read(desk.value("c"), (1, 0))
    np.testing.assert_array_equal(found.data, data.T)
    assert not desk.draft.ops


def test_halves_stand_behind_one_dequantize():
    desk = Desk("float16[2,3] x", "y = Add (x, c)", c=np.ones((2, 3), np.float16))
    before = len(desk.draft.ops)
    found = [desk.walk.read(desk.value("c")) for _ in range(2)]
    assert found[0] is found[1]
    assert found[0].dtype == "float32"
    assert [op.kind for op in desk.draft.ops[before:]] == ["DEQUANTIZE"]


def test_numbers_that_are_computed_are_refused():
    desk = Desk("float[2,3] x, int64[1] a", "y = ReduceSum (x, a)")
    with pytest.raises(LoweringError, match="a is computed when the model runs"):
        desk.walk.numbers(desk.value("a"))
    assert desk.walk.numbers(None) is None


def test_an_input_that_is_left_out_is_refused():
    with pytest.raises(LoweringError, match="left out"):
        Desk().walk.read(None)


def test_whole_numbers_beyond_32_bits_are_refused():
    walk = Desk().walk
    assert walk.narrow(np.array([2**31 - 1]), "places").dtype == np.int32
    with pytest.raises(LoweringError, match="places reach beyond the 32 bits"):
        walk.narrow(np.array([2**31]), "places")


def test_no_node_is_at_hand():
    walk = Desk().walk
    walk._place = None
    with pytest.raises(Broken):
        walk.place  # noqa: B018  asking is what raises
