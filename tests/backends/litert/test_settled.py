"""Values that turn out to be constants."""

from __future__ import annotations

import numpy as np

from mcompile import graph
from mcompile.backends.litert.settled import settle

from .lowered import agree, model


def test_readers_find_a_constant_of_the_type_of_the_value():
    node = next(iter(model("float[2,3] x", "y = Shape (x)", "int64 y").graph.graph))
    settle(node, np.array([2, 3], np.int32))
    found = graph.array(node.outputs[0])
    assert found.tolist() == [2, 3]
    assert found.dtype == np.int64


def test_an_output_that_is_settled_is_handed_out():
    agree(model("float[2,3] x", "y = Shape (x)", "int64 y"), 0.5)
