"""Entries picked by their indices, stored or computed, counted from either end."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.gathers import LOWERINGS
from tests.backends.litert.lowered import agree, missing, model, refused, turns

X = "float[2,6,4,5] x"
STORED = {"some": np.array([2, 0, -1]), "rows": np.array([[0, 1], [1, -2]]), "one": np.array(-3),
          "lines": (np.arange(2 * 6 * 4 * 2) % 5 - 2).reshape(2, 6, 4, 2),
          "inner": np.array([[[1, -1], [0, 3]], [[5, 2], [-6, 0]]])}  # fmt: skip
ROWS = [
    "y = Gather <axis = 1> (x, some)", "y = Gather <axis = -1> (x, rows)",
    "y = Gather <axis = 2> (x, one)", "y = GatherElements <axis = 3> (x, lines)",
    "y = GatherND (x, rows)", "y = GatherND <batch_dims = 1> (x, inner)",
]  # fmt: skip


@pytest.mark.parametrize("body", ROWS)
def test_it_is_what_the_oracle_says(body):
    agree(model(X, body, **STORED), 2e-5)


def test_every_op_of_the_table_is_run():
    assert not missing(LOWERINGS, *ROWS)


@pytest.mark.parametrize(
    ("op", "shape", "made"),
    [("Gather <axis = 1>", "3", [-1, 0, 5]), ("GatherElements <axis = 1>", "2,2,4,5", None),
     ("GatherND", "2,2", [[0, -1], [-2, 3]])],
)  # fmt: skip
def test_computed_indices_from_either_end(op, shape, made):
    program = model(f"{X}, int64[{shape}] i", f"y = {op} (x, i)")
    rng = np.random.default_rng(2)
    index = rng.integers(-6, 6, (2, 2, 4, 5)) if made is None else np.array(made)
    x = rng.standard_normal((2, 6, 4, 5)).astype(np.float32)
    agree(program, 1e-9, feeds=[{"x": x, "i": index}])


@pytest.mark.parametrize("batch", [1, 3])
def test_a_table_for_a_free_number_of_words(batch):
    table = np.random.default_rng(1).standard_normal((7, 4)).astype(np.float32)
    agree(model("int64[n,5] x", "y = Gather (w, x)", w=table), 1e-9, (batch,))


def test_a_place_that_is_not_there_is_refused():
    refused(model(X, "y = Gather <axis = 1> (x, far)", far=np.array([6])), "index is outside")


def test_the_order_of_memory_is_kept():
    assert turns("i = Constant <value_ints = [3, 0, -2, 1]> ()\n"
                 "d = Gather <axis = 1> (c, i)") == 2  # fmt: skip
