"""Values repeated along axes, by stored and by computed targets."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.repeats import LOWERINGS
from tests.backends.litert.lowered import agree, missing, model, turns

X = "float[2,1,4,5] x"
STORED = {"wide": np.array([3, 2, 3, 1, 5]), "thin": np.array([3, 1, 1]),
          "times": np.array([1, 3, 2, 1])}  # fmt: skip
ROWS = ["y = Expand (x, wide)", "y = Expand (x, thin)", "y = Tile (x, times)",
        "s = Shape (x)\n c = ConstantOfShape (s)\n y = Add (x, c)"]  # fmt: skip


@pytest.mark.parametrize("body", ROWS)
def test_it_is_what_the_oracle_says(body):
    agree(model(X, body, **STORED), 2e-5)


def test_every_op_of_the_table_is_run():
    assert not missing(LOWERINGS, *ROWS)


def test_an_expand_that_repeats_nothing_is_no_operator():
    found = agree(model(X, "e = Expand (x, one)\n y = Abs (e)", one=np.array([4, 5])))
    assert found == ["ABS"]


SIZE = "s = Shape <start = 0, end = 1> (x)\n t = Concat <axis = 0> (s, rest)\n"


@pytest.mark.parametrize("batch", [1, 3])
def test_a_constant_for_each_of_a_free_number(batch):
    body = SIZE + "e = Expand (token, t)\n y = Concat <axis = 1> (e, x)"
    stored = {"rest": np.array([1, 4]), "token": np.float32([[[1, 2, 3, 4]]])}
    agree(model("float[n,3,4] x", body, **stored), 1e-9, (batch,))


@pytest.mark.parametrize("batch", [1, 3])
def test_a_filling_of_a_free_size(batch):
    body = SIZE + "c = ConstantOfShape (t)\n y = Add (x, c)"
    agree(model("float[n,3,4] x", body, rest=np.array([1, 4])), 1e-9, (batch,))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    "body",
    [
        "y = Expand (x, wide)",
        "s = Shape <start = 1> (z)\n y = Expand (x, s)",
        SIZE + "y = Expand (x, t)",
        SIZE + "e = Expand (token, t)\n y = Add (e, x)",
        SIZE + "e = Tile (token, t)\n y = Sub (e, x)",
        "y = Tile (x, wide)",
    ],
)
def test_a_free_size_beside_what_is_repeated(body, batch):
    stored = {"wide": np.array([1, 3, 1]), "rest": np.array([1, 1])}
    stored["token"] = np.float32([[[1, 2, 3, 4]]])
    agree(model("float[n,1,4] x, float[n,3,4] z", body, **stored), 1e-9, (batch,))


def test_the_order_of_memory_is_kept():
    body = "m = GlobalMaxPool (c)\n t = Constant <value_ints = [1, 1, 6, 6]> ()\n"
    assert turns(body + "e = Expand (m, t)\n d = Mul (c, e)") == 2
