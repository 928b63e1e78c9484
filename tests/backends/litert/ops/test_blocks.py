"""Blocks of a picture as channels, and back."""

from __future__ import annotations

import pytest

from mcompile.backends.litert.ops.blocks import LOWERINGS
from tests.backends.litert.lowered import agree, missing, model, turns

ROWS = [
    "y = DepthToSpace <blocksize = 2> (x)", 'y = DepthToSpace <blocksize = 2, mode = "CRD"> (x)',
    "y = SpaceToDepth <blocksize = 2> (x)",
]  # fmt: skip


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("body", ROWS)
def test_numbers_are_moved_exactly(body, batch):
    assert agree(model("float[n,8,4,6] x", body), 1e-9, (batch,))


def test_every_op_of_the_table_is_run():
    assert not missing(LOWERINGS, *ROWS)


def test_the_order_of_memory_is_kept():
    assert turns("e = SpaceToDepth <blocksize = 2> (c)\n"
                 "d = DepthToSpace <blocksize = 2> (e)") == 2  # fmt: skip


def test_one_operator_does_the_whole_where_memory_lies_so():
    assert agree(model("float[1,8,4,6] x", ROWS[1]), 1e-9).count("TRANSPOSE") == 1
