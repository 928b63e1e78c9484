"""Entries written by stored and by computed indices, in float."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.scatters import LOWERINGS
from tests.backends.litert.lowered import agree, missing, model, refused, turns

X = "float[3,4,5] x"
RNG = np.random.default_rng(6)
LINES = np.stack([RNG.permutation(4)[:2] for _ in range(15)], 1).reshape(2, 3, 5).transpose(1, 0, 2)
STORED = {
    "lines": LINES.copy(), "u": RNG.standard_normal((3, 2, 5)).astype(np.float32),
    "rows": np.array([[2], [-3]]), "r": RNG.standard_normal((2, 4, 5)).astype(np.float32),
    "cells": np.array([[0, 1, 2], [2, -1, 0]]), "v": np.float32([7, -7]),
}  # fmt: skip
ROWS = [
    "y = ScatterElements <axis = 1> (x, lines, u)", "y = ScatterND (x, rows, r)",
    "y = ScatterND (x, cells, v)",
    *(f'y = ScatterND <reduction = "{how}"> (x, rows, r)' for how in ("add", "mul", "min", "max")),
    *(f'y = ScatterElements <axis = 1, reduction = "{how}"> (x, lines, u)'
      for how in ("add", "mul", "min", "max")),
]  # fmt: skip


@pytest.mark.parametrize("body", ROWS)
def test_it_is_what_the_oracle_says(body):
    agree(model(X, body, **STORED), 2e-5)


def test_every_op_of_the_table_is_run():
    assert missing(LOWERINGS, *ROWS) == ["Scatter"]
    agree(model(X, "y = Scatter <axis = 1> (x, lines, u)", opset=9, **STORED))


def test_what_is_added_to_one_place_adds_up():
    body = 'y = ScatterND <reduction = "add"> (x, twice, r)'
    agree(model(X, body, twice=np.array([[1], [1]]), **STORED))


def test_computed_indices_and_updates():
    nd = model(f"{X}, int64[2,1] i, float[2,4,5] u", "y = ScatterND (x, i, u)")
    x, u = RNG.standard_normal((3, 4, 5)), RNG.standard_normal((2, 4, 5))
    feeds = {"x": x.astype(np.float32), "i": STORED["rows"], "u": u.astype(np.float32)}
    agree(nd, feeds=[feeds])
    each = model(f"{X}, int64[3,2,5] i", "y = ScatterElements <axis = 1> (x, i, u)", **STORED)
    agree(each, feeds=[{"x": feeds["x"], "i": STORED["lines"] - 4}])


def test_zeros_are_written_too():
    agree(model(X, "y = ScatterND (x, rows, z)", z=np.zeros((2, 4, 5), "f"), **STORED))


@pytest.mark.parametrize(
    ("given", "body", "what"),
    [
        (X, "y = ScatterND (x, twice, r)", "several entries"),
        (X, "y = ScatterND (x, far, r)", "index is outside"),
        ("float[n,4,5] x", "y = ScatterND (x, rows, r)", "whose size is free"),
        (f"{X}, int64[2,1] i", 'y = ScatterND <reduction = "mul"> (x, i, r)', "reduction mul"),
    ],
)
def test_what_cannot_be_written_is_refused(given, body, what):
    more = {"twice": np.array([[1], [-2]]), "far": np.array([[1], [3]])}
    refused(model(given, body, **STORED, **more), what)


def test_a_picture_is_brought_into_the_order_of_the_coordinates():
    stored = {"i": np.array([[0, 2], [0, 1]]), "u": np.ones((2, 6, 6), np.float32)}
    assert turns("d = ScatterND (c, i, u)", **stored) == 4
