"""Operators that move numbers, beside numpy, on floats and on codes."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert import moves

from .desk import Desk

CODES = np.random.default_rng(1).integers(-100, 100, (2, 5, 6, 3)).astype(np.int8)
FLOATS = CODES.astype(np.float32)
MOVES = {
    "cut": (lambda w, t: moves.cut(w, t, (0, 1, 2, 0), (2, 3, 4, 2)), lambda x: x[:, 1:4, 2:, :2]),
    "piece": (lambda w, t: moves.piece(w, t, 1, (2, 4)), lambda x: x[:, 2:4]),
    "stepped": (lambda w, t: moves.stepped(w, t, 2, range(1, 6, 2)), lambda x: x[:, :, 1::2]),
    "stepped by one": (lambda w, t: moves.stepped(w, t, 2, range(1, 4)), lambda x: x[:, :, 1:4]),
    "picked": (lambda w, t: moves.picked(w, t, 3, [2, 0, 2]), lambda x: x[..., [2, 0, 2]]),
    "picked in a row": (lambda w, t: moves.picked(w, t, 1, [1, 2, 3]), lambda x: x[:, 1:4]),
    "joined": (lambda w, t: moves.joined(w, [t, t], 2), lambda x: np.concatenate([x, x], 2)),
    "seen": (lambda w, t: moves.seen_as(w, t, (10, 18)), lambda x: x.reshape(10, 18)),
}


@pytest.mark.parametrize("data", [CODES, FLOATS], ids=["codes", "floats"])
@pytest.mark.parametrize("name", MOVES)
def test_a_move_is_what_numpy_makes(name, data):
    desk, (write, wanted) = Desk(), MOVES[name]
    made = write(desk.walk, desk.tensor(data, 0.5 if data is CODES else None, 3))
    np.testing.assert_array_equal(desk.run(made), wanted(data))
    assert made.shape == wanted(data).shape
    assert len(desk.draft.ops) == 1


@pytest.mark.parametrize(
    ("filling", "code", "kind"), [(0.0, 3, "PAD"), (2.0, 7, "PADV2"), (-1e9, -128, "PADV2")]
)
def test_codes_are_filled_with_the_code_of_the_number(filling, code, kind):
    desk, pads = Desk(), ((0, 0), (1, 2), (0, 1), (0, 0))
    made = moves.around(desk.walk, desk.tensor(CODES, 0.5, 3), pads, filling)
    assert desk.kinds() == [kind]
    np.testing.assert_array_equal(desk.run(made), np.pad(CODES, pads, constant_values=code))


@pytest.mark.parametrize("filling", [0.0, -2.5])
def test_floats_are_filled_with_the_number(filling):
    desk, pads = Desk(), ((0, 0), (1, 2), (0, 1), (0, 0))
    made = moves.around(desk.walk, desk.tensor(FLOATS), pads, filling)
    np.testing.assert_array_equal(desk.run(made), np.pad(FLOATS, pads, constant_values=filling))


def test_what_moves_nothing_writes_nothing():
    desk = Desk()
    source = desk.tensor(FLOATS)
    assert moves.around(desk.walk, source, ((0, 0),) * 4) is source
    assert moves.cut(desk.walk, source, (0,) * 4, source.shape) is source
    assert moves.seen_as(desk.walk, source, source.shape) is source
    assert moves.joined(desk.walk, [source], 1) is source
    assert not desk.draft.ops


def test_a_free_size_is_left_to_the_runtime():
    desk = Desk(stand_in=7919)
    source = desk.draft.tensor("x", (7919, 4), "float32")
    moves.cut(desk.walk, source, (0, 1), (7919, 2))
    assert desk.draft.ops[0].inputs[2].data.tolist() == [-1, 2]


def test_the_last_step_gets_the_name_of_the_output():
    desk = Desk("float[2,3] x")
    made = desk.walk.scratch(desk.walk.read(desk.value("x")), (2, 3))
    moves.hand_on(desk.walk, made, (0, 1))
    assert made.name == "y"
    assert desk.walk.read(desk.value("y")) is made
