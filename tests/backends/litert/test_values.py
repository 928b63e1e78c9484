"""Values are brought into another order once, and those that wait only where they are read."""

from __future__ import annotations

import numpy as np

from mcompile.backends.litert.draft import Draft
from mcompile.backends.litert.values import Held, Values
from mcompile.backends.litert.views import View

from .lowered import model

LAST, PLAIN = (0, 2, 3, 1), (0, 1, 2, 3)


def held(shape=(2, 4, 5, 3)):
    draft = Draft()
    values, value = Values(draft), model("float[2,3,4,5] x", "y = Abs (x)").graph.graph.inputs[0]
    tensor = draft.tensor("x", shape, "float32")
    return draft, values, value, tensor


def test_one_transpose_for_all_readers():
    draft, values, value, tensor = held()
    values.hold(value, tensor, LAST)
    first = values.read(value, PLAIN)
    assert first.shape == (2, 3, 4, 5)
    assert values.read(value, PLAIN) is first
    assert values.read(value, LAST) is tensor
    assert [op.kind for op in draft.ops] == ["TRANSPOSE"]


def test_sizes_of_one_move_without_a_transpose():
    draft, values, _, tensor = held((2, 1, 1, 3))
    made = values.turned(Held(tensor, LAST), PLAIN, "y")
    assert made.shape == (2, 3, 1, 1)
    assert [op.kind for op in draft.ops] == ["RESHAPE"]


def test_what_waits_is_written_when_it_is_read():
    draft, values, value, tensor = held()
    view = View.of(tensor, LAST)
    values.wait(value, view)
    assert values.known(value)
    assert values.waiting(value) is view
    assert not draft.ops
    values.read(value, PLAIN)
    assert values.waiting(value) is None
    assert len(draft.ops) == 1


def test_what_waits_is_held_in_an_order_of_its_memory():
    draft, values, value, tensor = held()
    values.wait(value, View.of(tensor, LAST))
    found = values.first(value)
    assert (found.tensor, found.order) == (tensor, LAST)
    assert not draft.ops


def test_codes_keep_their_scale_on_the_way():
    draft, values, value, _ = held()
    from_codes = draft.tensor("q", (2, 4, 5, 3), "int8", quant=None)
    made = values.turned(Held(from_codes, LAST), PLAIN, "y")
    assert made.dtype == "int8"
    assert np.array_equal(draft.ops[0].inputs[1].data, [0, 3, 1, 2])
    assert not values.known(value)


def test_the_same_memory_in_another_shape_is_written_once():
    draft, values, _, tensor = held()
    made = values.shaped(tensor, (2, 60), "y")
    assert values.shaped(tensor, (2, 60), "z") is made
    assert values.shaped(tensor, tensor.shape, "w") is tensor
    assert len(draft.ops) == 1


def test_axes_that_are_whole_are_moved_whole():
    draft, values, value, _ = held()
    rows = draft.tensor("rows", (1, 5, 12), "float32")
    heads = View.of(rows, (0, 1, 2)).reshaped((1, 5, 4, 3))
    values.wait(value, heads)
    found = values.turn(value, (0, 2, 1, 3))
    assert found.tensor.shape == (1, 4, 5, 3)
    assert [op.kind for op in draft.ops] == ["RESHAPE", "TRANSPOSE"]
    assert values.turn(value, (0, 2, 1, 3)).tensor is found.tensor


def test_axes_in_pieces_are_moved_and_not_put_together():
    draft, values, value, _ = held()
    rows = draft.tensor("rows", (2, 2, 4, 2), "float32")
    blocks = View.of(rows, (0, 1, 2, 3)).transposed((0, 2, 1, 3)).reshaped((8, 4))
    values.wait(value, blocks)
    found = values.turn(value, (0, 1))
    assert found.holds((0, 1))
    assert found.tensor.shape == (2, 4, 2, 2)
    assert [op.kind for op in draft.ops] == ["TRANSPOSE"]
    assert values.read(value, (0, 1)).shape == (8, 4)
    assert [op.kind for op in draft.ops] == ["TRANSPOSE", "RESHAPE"]


def test_what_memory_holds_in_any_form_is_not_moved():
    draft, values, value, tensor = held()
    values.wait(value, View.of(tensor, LAST))
    plain = values.turn(value, PLAIN)
    assert len(values.forms(value)) == 2
    assert values.read(value, LAST) is tensor
    assert values.read(value, PLAIN) is plain.tensor
    assert len(draft.ops) == 1


def test_a_value_becomes_another_view_alone():
    _, values, value, tensor = held()
    values.wait(value, View.of(tensor, LAST))
    other = View.of(tensor, (0, 3, 2, 1))
    values.become(value, other)
    assert values.forms(value) == [other]


def test_what_lies_in_no_order_is_brought_into_the_program_s():
    draft = Draft()
    values, rows = Values(draft), draft.tensor("rows", (2, 2, 4, 2), "float32")
    value = model("float[8,4] x", "y = ReduceSum (x)").graph.graph.inputs[0]
    values.wait(value, View.of(rows, (0, 1, 2, 3)).transposed((0, 2, 1, 3)).reshaped((8, 4)))
    assert values.first(value).order == (0, 1)
    assert [op.kind for op in draft.ops] == ["TRANSPOSE", "RESHAPE"]
