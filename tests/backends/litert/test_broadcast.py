"""Operands that meet are brought into the order that moves the least."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.broadcast import aligned, alike

from .desk import Desk

LAST = (0, 2, 3, 1)


def desk(**stored):
    """`x` lies channels last, `z` as the program has it."""
    made = Desk("float[2,3,4,5] x, float[2,3,1,1] z", "y = Add (x, z)", **stored)
    value = made.value("x")
    made.walk.values._held[value] = []
    tensor = made.tensor(np.zeros((2, 4, 5, 3), np.float32))
    made.walk.values.hold(value, tensor, LAST)
    return made


def test_the_larger_operand_keeps_its_order():
    made = desk()
    order, (x, z) = aligned(made.walk, [made.value("x"), made.value("z")])
    assert (order, x.shape, z.shape) == (LAST, (2, 4, 5, 3), (2, 1, 1, 3))
    assert made.kinds() == ["RESHAPE"]  # sizes of 1 move freely


def test_an_operand_that_is_left_out_is_not_there():
    made = desk()
    assert len(aligned(made.walk, [made.value("x"), None])[1]) == 1


@pytest.mark.parametrize(
    ("shape", "lies"), [((3, 1, 1), (1, 1, 1, 3)), ((4, 1), (1, 4, 1, 1)), ((1,), (1,)), ((), ())]
)
def test_a_constant_of_fewer_axes_is_spread_offline(shape, lies):
    data = np.arange(max(1, int(np.prod(shape))), dtype=np.float32).reshape(shape)
    made = Desk("float[2,3,4,5] x", "y = Add (x, c)", c=data)
    value = made.value("x")
    made.walk.values._held[value] = []
    made.walk.values.hold(value, made.tensor(np.zeros((2, 4, 5, 3), np.float32)), LAST)
    _, (_, found) = aligned(made.walk, [value, made.value("c")])
    assert found.shape == lies
    wide = data.reshape((1,) * (4 - data.ndim) + shape).transpose(LAST)
    assert np.array_equal(np.broadcast_to(found.data, wide.shape), wide)
    assert not made.draft.ops


def test_floats_need_no_common_scale():
    made = desk()
    tensors = [made.tensor(np.zeros(2, np.float32))]
    assert alike(made.walk, tensors) == tensors
    assert not made.draft.ops
