"""Sizes of tensors as the file computes them."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from mcompile.backends.litert.draft import Draft
from mcompile.backends.litert.extents import extent, extents
from mcompile.backends.litert.flatbuffer import Interface, packed

from .lowered import KERNELS

FREE = 7919


def made(build, batch):
    """What the tensor holds that `build` asks for, with an input [3, batch]."""
    draft = Draft(FREE)
    x = draft.tensor("x", (3, FREE), "float32")
    found = build(draft)
    data = packed(draft, Interface([("x", x)], [("o", found)], {}), "m")
    runner = Interpreter(model_content=data, experimental_op_resolver_type=KERNELS[1])
    runner.resize_tensor_input(0, [3, batch])
    runner.allocate_tensors()
    runner.invoke()
    return runner.get_tensor(runner.get_output_details()[0]["index"])


@pytest.mark.parametrize("batch", [1, 5])
def test_a_free_size_is_that_of_the_input(batch):
    sizes = [4, 2, FREE, 7, 3 * FREE]
    found = made(lambda d: extents(d, sizes), batch)
    np.testing.assert_array_equal(found, [4, 2, batch, 7, 3 * batch])
    assert made(lambda d: extent(d, 2 * FREE), batch) == 2 * batch


def test_what_is_known_is_a_constant():
    draft = Draft()
    assert extents(draft, [2, 3]).data.tolist() == [2, 3]
    assert extent(draft, 4).data == 4
    assert not draft.ops


def test_a_size_is_computed_once():
    draft = Draft(FREE)
    draft.tensor("x", (FREE,), "float32")
    extents(draft, [FREE, 2])
    count = len(draft.ops)
    extents(draft, [FREE, 3])
    assert [op.kind for op in draft.ops[count:]] == ["CONCATENATION"]
