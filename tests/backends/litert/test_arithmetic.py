"""Shapes that are computed from shapes are worked out with the sizes that the inputs have."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.backends.litert.arithmetic import shape_by_arithmetic

from .lowered import model

ONE = {"zero": np.array(0), "one": np.array(1), "ones": np.array([1, 1]), "none": np.array([0])}
SIZE = "s = Shape <start = 0, end = 1> (x)\n n = Squeeze (s, none)\n"
ROWS = {
    "y = Range (zero, n, one)": (6,),
    "t = Mul (n, two)\n u = Sub (t, one)\n y = Range (one, u, two)": (5,),
    "w = Shape (x)\n i = Gather (w, one)\n y = Range (zero, i, one)": (3,),
    "t = Concat <axis = 0> (s, ones)\n y = Tile (z, t)": (12, 4, 5),
    "w = Shape (x)\n t = Slice (w, none, ones1)\n r = Range (zero, n, one)\n"
    "v = Shape (r)\n k = Concat <axis = 0> (v, t, ones1)\n y = Expand (small, k)": (6, 6, 5),
    "r = Range (zero, n, one)\n v = Shape (r)\n y = ConstantOfShape (v)": (6,),
}


@pytest.mark.parametrize("body", ROWS)
def test_the_shape_is_known(body):
    stored = ONE | {"two": np.array(2), "ones1": np.array([1]), "small": np.zeros(5, np.float32)}
    found = model("float[6,3] x, float[2,4,5] z", SIZE + body, **stored)
    for node in found.graph.graph:
        node.outputs[0].shape = None
    shape_by_arithmetic(found)
    assert graph.dims(found.graph.graph.outputs[0]) == ROWS[body]


def test_what_hangs_on_numbers_is_left_open():
    found = model("int64[1] x", "n = Squeeze (x, none)\n y = Range (zero, n, one)", **ONE)
    shape_by_arithmetic(found)
    assert not isinstance((graph.dims(found.graph.graph.outputs[0]) or ("",))[0], int)
