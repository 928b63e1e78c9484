"""Tensors have names of their own, constants are kept once, free sizes are left open."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.draft import FREE, Draft, Quant
from mcompile.errors import LoweringError


def test_a_name_is_given_once():
    draft = Draft()
    assert [draft.tensor("x", (1,), "float32").name for _ in range(3)] == ["x", "x_1", "x_2"]


def test_a_name_of_the_interface_is_taken_from_whoever_has_it():
    draft = Draft()
    inner, port = draft.tensor("y", (1,), "float32"), draft.tensor("z", (1,), "float32")
    draft.rename(port, "y")
    assert (port.name, inner.name) == ("y", "y.inner")


def test_equal_constants_are_one_tensor():
    draft = Draft()
    one = draft.constant("a", np.float32([1, np.nan]))
    assert draft.constant("b", np.float32([1, np.nan])) is one
    for other in (np.float32([1, 2]), np.float32([[1, np.nan]]), np.float64([1, np.nan])):
        assert draft.constant("c", other) is not one
    assert draft.constant("d", one.data, Quant((0.5,), (0,))) is not one


def test_zeros_of_both_signs_are_two():
    draft = Draft()
    assert draft.constant("a", np.float32([0.0])) is not draft.constant("a", np.float32([-0.0]))


def test_a_reshape_leaves_the_free_size_open():
    draft = Draft(7919)
    source, made = draft.tensor("x", (2 * 7919, 3), "float32"), draft.tensor("y", (7919, 6), "int8")
    draft.reshape(source, made)
    assert draft.ops[0].inputs[1].data.tolist() == [FREE, 6]
    assert draft.is_free(3 * 7919)
    assert not draft.is_free(0)
    assert not Draft().is_free(5)


def test_operators_name_the_node_they_are_of():
    draft = Draft()
    draft.origin = "node y (Abs)"
    draft.emit("ABS", [], [], "AbsOptions")
    assert draft.ops[0].origin == "node y (Abs)"


def test_a_type_that_no_tensor_has_is_refused():
    with pytest.raises(LoweringError, match="LiteRT holds no complex64") as caught:
        Draft().tensor("x", (1,), "complex64")
    assert caught.value.where == "x"


def test_what_nobody_reads_is_dropped():
    draft = Draft()
    x, y, z = (draft.tensor(n, (1,), "float32") for n in "xyz")
    draft.emit("NEG", [x], [y])
    draft.emit("EXP", [x], [draft.tensor("dead", (1,), "float32")])
    draft.emit("ABS", [y], [z])
    draft.prune([x, z])
    assert [op.kind for op in draft.ops] == ["NEG", "ABS"]


def test_a_reshape_of_more_axes_than_its_options_hold_says_them_once():
    draft = Draft()
    for rank, said in ((8, True), (9, False)):
        source = draft.tensor("x", (2,), "float32")
        draft.reshape(source, draft.tensor("y", (2,) + (1,) * (rank - 1), "float32"))
        op = draft.ops[-1]
        assert ("newShape" in op.fields) is said
        assert op.inputs[1].data.size == rank
