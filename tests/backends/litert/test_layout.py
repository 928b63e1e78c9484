"""Orders of memory, beside numpy's transposes and reshapes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mcompile.backends.litert.layout import (
    after_reshape,
    after_transpose,
    arranged,
    channels_last,
    is_free,
    moved,
    straight,
)

SHAPE = (2, 3, 4, 5)
ORDERS = [*itertools.permutations(range(3))]


def test_channels_come_last():
    assert [channels_last(r) for r in (2, 3, 4, 5)] == [
        (0, 1), (0, 2, 1), (0, 2, 3, 1), (0, 2, 3, 4, 1),
    ]  # fmt: skip
    assert arranged(SHAPE, channels_last(4)) == (2, 4, 5, 3)
    assert arranged(SHAPE, straight(4)) == SHAPE


@pytest.mark.parametrize("old", ORDERS)
@pytest.mark.parametrize("new", ORDERS)
def test_one_transpose_brings_one_order_into_another(old, new):
    value = np.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(
        value.transpose(old).transpose(moved(old, new)), value.transpose(new)
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("perm", ORDERS)
def test_memory_stays_where_axes_are_renamed(order, perm):
    value = np.arange(24).reshape(2, 3, 4)
    after = after_transpose(order, perm)
    np.testing.assert_array_equal(value.transpose(order), value.transpose(perm).transpose(after))


def test_only_sizes_of_one_move_freely():
    assert is_free((2, 1, 4), (0, 2, 1))
    assert not is_free((2, 3, 4), (0, 2, 1))


@pytest.mark.parametrize(
    ("order", "old", "new", "wanted"),
    [
        ((0, 2, 3, 1), (2, 3, 4, 5), (2, 3, 20), (0, 2, 1)),
        ((0, 2, 3, 1), (2, 6, 4, 5), (2, 2, 3, 4, 5), (0, 3, 4, 1, 2)),
        ((0, 2, 3, 1), (2, 3, 4, 5), (2, 60), None),
        ((0, 1, 2), (2, 3, 4), (6, 4), (0, 1)),
        ((0, 1), (4, 6), (3, 8), (0, 1)),
    ],
)
def test_a_reshape_keeps_memory_where_merged_axes_lie_together(order, old, new, wanted):
    assert after_reshape(order, old, new) == wanted
    if wanted is not None:
        value = np.arange(np.prod(old)).reshape(old)
        lain = value.transpose(order).reshape(arranged(new, wanted))
        np.testing.assert_array_equal(lain, value.reshape(new).transpose(wanted))
