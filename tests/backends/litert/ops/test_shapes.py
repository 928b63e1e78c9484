"""What changes how a value is seen writes at most one operator for each change."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.shapes import LOWERINGS
from tests.backends.litert.lowered import agree, missing, model, refused

X = "float[2,3,4,5] x"
STORED = {"flat": np.array([6, -1]), "front": np.array([0, 3]), "one": np.array([1]),
          "half": np.float32(0.5), "yes": np.array(True)}  # fmt: skip
ROWS = [
    "a = Reshape (x, flat)\n y = Abs (a)", "a = Flatten <axis = 2> (x)\n y = Abs (a)",
    "a = Unsqueeze (x, front)\n y = Abs (a)", "a = Identity (x)\n y = Abs (a)",
    "a = Dropout (x)\n y = Abs (a)", "u = Unsqueeze (x, one)\n a = Squeeze (u, one)\n y = Abs (a)",
    "s = Shape (x)\n a = Expand (x, s)\n y = Abs (a)",
    "s = Size (x)\n f = Cast <to = 1> (s)\n y = Add (x, f)",
    "a = Transpose <perm = [3, 1, 0, 2]> (x)\n y = Abs (a)",
]  # fmt: skip


@pytest.mark.parametrize("body", ROWS)
def test_it_is_what_the_oracle_says(body):
    found = agree(model(X, body, **STORED))
    few = 2 if "Squeeze" in body else 1
    assert len([kind for kind in found if kind not in ("ABS", "ADD")]) <= few


def test_every_op_of_the_table_is_run():
    assert not missing(LOWERINGS, *ROWS)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_shape_of_a_free_size(batch):
    body = """s = Shape <start = 0, end = 1> (x)
    t = Concat <axis = 0> (s, rest)
    y = Reshape (x, t)"""
    agree(model("float[n,3,4] x", body, rest=np.array([12])), 1e-9, (batch,))
    whole = "s = Shape (x)\n y = Cast <to = 1> (s)"
    agree(model("float[n,3,4] x", whole), 1e-9, (batch,))


def test_a_count_of_a_free_size_is_refused():
    refused(model("float[n,3] x", "y = Size (x)", "int64 y"), "whose size is free")


def test_a_dropout_that_trains_is_refused():
    refused(model(X, "y = Dropout (x, half, yes)", **STORED), "training mode")
