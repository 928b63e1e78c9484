"""Pad of every mode, in whatever order the value lies."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.pads import LOWERINGS
from tests.backends.litert.lowered import agree, missing, model, refused, turns

X = "float[2,3,6,5] x"
STORED = {"wide": np.array([0, 1, 2, 0, 0, 0, 1, 2]), "off": np.array([0, 0, -1, 1, 0, 0, 2, -2]),
          "number": np.float32(1.5), "few": np.array([1, 2]), "axes": np.array([-1])}  # fmt: skip
ROWS = [
    "y = Pad (x, wide)", "y = Pad (x, wide, number)", 'y = Pad <mode = "edge"> (x, wide)',
    'y = Pad <mode = "wrap"> (x, wide)', "y = Pad (x, off, number)",
    'y = Pad <mode = "edge"> (x, off)', "y = Pad (x, few, number, axes)",
]  # fmt: skip


@pytest.mark.parametrize("body", ROWS)
def test_it_is_what_the_oracle_says(body):
    agree(model(X, body, **STORED), 2e-5)


def test_every_op_of_the_table_is_run():
    assert not missing(LOWERINGS, *ROWS)


def test_a_mirror():
    stored = {"p": np.array([0, 0, 2, 1, 0, 0, 1, 2])}
    assert agree(model(X, 'y = Pad <mode = "reflect"> (x, p)', **stored)) == ["MIRROR_PAD"]


@pytest.mark.parametrize("batch", [1, 3])
def test_a_free_batch(batch):
    agree(model("float[n,3,6] x", "y = Pad (x, p)", p=np.array([0, 1, 2, 0, 1, 0])), 1e-9, (batch,))


def test_pads_along_the_free_size_are_refused():
    refused(model("float[n,3] x", 'y = Pad <mode = "edge"> (x, p)', p=np.array([1, 0, 0, 0])),
            "free size")  # fmt: skip


def test_a_filling_that_is_computed_is_refused():
    body = "m = ReduceMax <keepdims = 0> (x)\n y = Pad (x, wide, m)"
    refused(model(X, body, **STORED), "fills with is computed")


def test_the_order_of_memory_is_kept():
    assert turns("p = Constant <value_ints = [0,0,1,1,0,0,1,1]> ()\n"
                 'd = Pad <mode = "reflect"> (c, p)') == 2  # fmt: skip
