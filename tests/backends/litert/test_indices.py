"""Indices counted from the front, and rows of coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert import indices
from mcompile.errors import LoweringError

from .desk import Desk

GIVEN = np.array([[0, -1], [2, -3]])


def desk(data=GIVEN):
    return Desk("float[3,4] x, int64[2,2] i", "y = Gather (x, c)", c=data)


def test_constants_are_counted_offline():
    made = desk()
    found = indices.counted(made.walk, made.value("c"), 3)
    assert found.data.tolist() == [[0, 2], [2, 0]]
    assert found.data.dtype == np.int32


def test_constants_lie_as_the_value_does():
    made = desk(np.array([[0, 1], [2, -3]]))
    found = indices.counted(made.walk, made.value("c"), 3, (1, 0))
    assert found.data.tolist() == [[0, 2], [1, 0]]


def test_computed_ones_are_counted_when_it_runs():
    made = desk()
    found = indices.counted(made.walk, made.value("i"), 3)
    made.fed.append((made.walk.read(made.value("x")), np.zeros((3, 4), np.float32)))
    made.fed.append((made.walk.read(made.value("i")), GIVEN))
    assert made.run(found).tolist() == [[0, 2], [2, 0]]


def test_places_of_extremes_are_never_negative():
    body = "i = ArgMax <axis = 1, keepdims = 0> (x)\n y = Gather (x, i)"
    made = Desk("float[3,4] x", body)
    made.walk._visit(made.node)
    before = len(made.draft.ops)
    indices.counted(made.walk, made.value("i"), 3)
    assert len(made.draft.ops) == before


def test_coordinates_of_rows():
    made = desk()
    found = indices.coordinates(made.walk, made.value("c"), (3, 4))
    assert found.data.tolist() == [[0, 3], [2, 1]]
    batched = indices.coordinates(made.walk, made.value("c"), (2, 3, 4), 1)
    assert batched.data.tolist() == [[0, 0, 3], [1, 2, 1]]


def test_coordinates_of_every_entry():
    made = desk()
    found = indices.elements(made.walk, made.value("c"), 1, 3)
    assert found.data.tolist() == [[[0, 0], [0, 2]], [[1, 2], [1, 0]]]


@pytest.mark.parametrize("far", [3, -4])
def test_an_index_outside_is_refused(far):
    made = desk(np.array([[0, far], [0, 0]]))
    with pytest.raises(LoweringError, match="index is outside"):
        indices.counted(made.walk, made.value("c"), 3)
