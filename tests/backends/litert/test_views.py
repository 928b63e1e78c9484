"""A view of memory says the same as numpy after any chain of reshapes and transposes."""

from __future__ import annotations

from math import prod

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile.backends.litert.draft import Draft
from mcompile.backends.litert.layout import after_reshape, after_transpose, arranged
from mcompile.backends.litert.values import Values
from mcompile.backends.litert.views import View

SIZES = st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=4)
QUIET = settings(derandomize=True, deadline=None, max_examples=60)


@st.composite
def chains(draw):
    """A shape, its order in memory, and what is done to it: ("t", perm) or ("r", shape)."""
    shape = tuple(draw(SIZES))
    order = tuple(draw(st.permutations(range(len(shape)))))
    steps, now = [], shape
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            perm = tuple(draw(st.permutations(range(len(now)))))
            steps.append(("t", perm))
            now = arranged(now, perm)
        else:
            now = tuple(draw(regrouped(prod(now))))
            steps.append(("r", now))
    return shape, order, steps


@st.composite
def regrouped(draw, total):
    """A shape of that many numbers."""
    made = []
    while total > 1 and len(made) < 5:
        size = draw(st.sampled_from([d for d in range(1, total + 1) if total % d == 0]))
        made.append(size)
        total //= size
    return [*made, total] if total > 1 or not made else made


def followed(shape, order, steps):
    """The view and the array at the end; the view is None from where memory must move."""
    value = np.arange(prod(shape)).reshape(shape)
    memory = Draft().tensor("x", arranged(shape, order), "int64")
    data, view = value.transpose(order), View.of(memory, order)
    for kind, how in steps:
        value = value.transpose(how) if kind == "t" else value.reshape(how)
        if view is not None:
            view = view.transposed(how) if kind == "t" else view.reshaped(how)
    return data, view, value


def seen(data, view, order):
    """What memory holds, its pieces brought into that order by numpy."""
    pieces = data.reshape(view.sizes).transpose(view.pieces(order))
    return pieces.reshape(arranged(view.shape, order))


@QUIET
@given(chains())
def test_a_view_is_what_numpy_makes(chain):
    data, view, value = followed(*chain)
    if view is not None:
        assert view.shape == value.shape
        every = tuple(range(value.ndim))
        np.testing.assert_array_equal(seen(data, view, every), value)


@QUIET
@given(chains(), st.randoms(use_true_random=False))
def test_merged_pieces_move_as_single_ones_do(chain, random):
    data, view, value = followed(*chain)
    if view is None:
        return
    order = list(range(value.ndim))
    random.shuffle(order)
    sizes, perm = view.merged(tuple(order))
    moved = data.reshape(sizes).transpose(perm).reshape(arranged(view.shape, tuple(order)))
    np.testing.assert_array_equal(moved, value.transpose(order))


@QUIET
@given(chains())
def test_memory_holds_the_order_that_it_names(chain):
    data, view, value = followed(*chain)
    order = view.order() if view is not None else None
    if order is not None:
        assert view.holds(order)
        np.testing.assert_array_equal(data.reshape(arranged(value.shape, order)),
                                      value.transpose(order))  # fmt: skip


@QUIET
@given(chains())
def test_columns_are_the_last_axis(chain):
    data, view, value = followed(*chain)
    found = view.columns() if view is not None else None
    if found is not None:
        sizes, order = found
        rows = value.reshape(-1, *sizes).transpose(0, *(a + 1 for a in order))
        np.testing.assert_array_equal(data.reshape(rows.shape), rows)


@QUIET
@given(chains())
def test_what_is_read_is_written_by_few_operators(chain):
    shape, order, steps = chain
    draft = Draft()
    memory = draft.tensor("x", arranged(shape, order), "int64")
    view = View.of(memory, order)
    for kind, how in steps:
        view = view and (view.transposed(how) if kind == "t" else view.reshaped(how))
    if view is None:
        return
    data, _, value = followed(shape, order, steps)
    Values(draft).seen(view, tuple(range(value.ndim)), "y")
    kinds = [op.kind for op in draft.ops]
    assert kinds.count("TRANSPOSE") <= 1
    assert len(kinds) <= 3
    held = {memory: data}
    for op in draft.ops:
        source, how = held[op.inputs[0]], op.inputs[1].data
        made = source.transpose(how) if op.kind == "TRANSPOSE" else source.reshape(how)
        held[op.outputs[0]] = made
    np.testing.assert_array_equal(list(held.values())[-1].reshape(value.shape), value)


@QUIET
@given(chains())
def test_an_order_after_one_step_is_what_numpy_makes(chain):
    shape, order, steps = chain
    kind, how = steps[0]
    value = np.arange(prod(shape)).reshape(shape)
    memory = value.transpose(order)
    after = after_transpose(order, how) if kind == "t" else after_reshape(order, shape, how)
    made = value.transpose(how) if kind == "t" else value.reshape(how)
    if after is not None:
        lain = memory.reshape(arranged(made.shape, after))
        np.testing.assert_array_equal(lain, made.transpose(after))


def test_an_uneven_cut_has_no_view():
    tensor = Draft().tensor("x", (4, 6), "float32")
    assert View.of(tensor, (0, 1)).reshaped((3, 8)) is None
    assert View.of(tensor, (0, 1)).reshaped((8, 3)) is not None


def test_a_channel_shuffle_stays_in_memory():
    tensor = Draft().tensor("x", (1, 8, 8, 6), "float32")
    view = View.of(tensor, (0, 2, 3, 1)).reshaped((1, 2, 3, 8, 8))
    view = view.transposed((0, 2, 1, 3, 4)).reshaped((1, 6, 8, 8))
    assert view.order() is None
    assert view.nearest() == (0, 2, 3, 1)
    assert view.merged((0, 2, 3, 1)) == ((64, 2, 3), (0, 2, 1))


@QUIET
@given(chains(), st.randoms(use_true_random=False))
def test_whole_axes_move_as_their_pieces_do(chain, random):
    data, view, value = followed(*chain)
    order = list(range(value.ndim))
    random.shuffle(order)
    found = view.whole(tuple(order)) if view is not None else None
    if found is not None:
        sizes, perm = found
        np.testing.assert_array_equal(data.reshape(sizes).transpose(perm), value.transpose(order))


def test_an_axis_in_pieces_is_not_whole():
    view = View.of(Draft().tensor("x", (2, 3, 4), "float32"), (0, 1, 2))
    assert view.transposed((1, 0, 2)).whole((1, 0, 2)) == ((2, 3, 4), (0, 1, 2))
    assert view.transposed((1, 0, 2)).reshaped((6, 4)).whole((0, 1)) is None
