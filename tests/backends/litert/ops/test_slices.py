"""Parts of a value, from any start, in any step."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.slices import LOWERINGS
from tests.backends.litert.lowered import agree, missing, model, refused, turns

X = "float[2,6,4,5] x"
STORED = {"low": np.array([-9, 1]), "high": np.array([4, -1]), "pair": np.array([0, 2]),
          "far": np.array([4, 0]), "beyond": np.array([-9, 9]), "steps": np.array([-1, 2]),
          "parts": np.array([1, 3, 2])}  # fmt: skip
ROWS = ["y = Slice (x, low, high, pair)", "y = Slice (x, far, beyond, pair, steps)"]


@pytest.mark.parametrize("body", ROWS)
def test_it_is_what_the_oracle_says(body):
    agree(model(X, body, **STORED), 1e-9)


@pytest.mark.parametrize(
    ("how", "given"), [("axis = 1, num_outputs = 3", ""), ("axis = 1", ", parts"),
                       ("axis = -1, num_outputs = 3", "")],
)  # fmt: skip
def test_parts_side_by_side(how, given):
    made = "float a, float b, float c"
    agree(model(X, f"a, b, c = Split <{how}> (x{given})", made, **STORED), 1e-9)


def test_every_op_of_the_table_is_run():
    assert missing(LOWERINGS, *ROWS) == ["Split"]


@pytest.mark.parametrize("batch", [1, 3])
def test_a_free_batch(batch):
    stored = {"b": np.array([1]), "e": np.array([-1]), "a": np.array([2])}
    agree(model("float[n,3,6] x", "y = Slice (x, b, e, a)", **stored), 1e-9, (batch,))


def test_a_part_of_the_free_size():
    stored = {"b": np.array([1]), "e": np.array([3]), "a": np.array([0])}
    agree(model("float[n,3] x", "y = Slice (x, b, e, a)", **stored), 1e-9, (3, 5))
    stored["e"] = np.array([-1])
    refused(model("float[n,3] x", "y = Slice (x, b, e, a)", **stored), "free|not known")


def test_bounds_that_are_computed_are_refused():
    program = model("float[6] x, int64[1] b", "y = Slice (x, b, e)", e=np.array([3]))
    refused(program, "when the model runs|not known")


def test_the_order_of_memory_is_kept():
    assert turns("a, b = Split <axis = 1, num_outputs = 2> (c)\n"
                 "d = Concat <axis = 1> (a, b, a, b)".replace(", a, b)", ")")) == 2  # fmt: skip
