"""Places of extremes, sorting, running sums, one-hot rows and triangles."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.selection import LOWERINGS
from tests.backends.litert.lowered import agree, missing, model, refused

X = "float[3,4,5] x"


@pytest.mark.parametrize("how", ["keepdims = 0", "axis = 1", "axis = -1, select_last_index = 1"])
@pytest.mark.parametrize("op", ["ArgMax", "ArgMin"])
def test_the_place_of_an_extreme(op, how):
    tied = np.random.default_rng(1).integers(0, 3, (3, 4, 5)).astype(np.float32)
    agree(model(X, f"y = {op} <{how}> (x)", "int64 y"), 0.5, feeds=[{"x": tied}])


@pytest.mark.parametrize("how", ["axis = 0", "axis = -1, largest = 0"])
def test_the_largest_and_their_places(how):
    program = model(X, f"y, i = TopK <{how}> (x, two)", "float y, int64 i", two=np.array([2]))
    agree(program, 1e-9)


@pytest.mark.parametrize("how", ["", "<exclusive = 1>", "<reverse = 1, exclusive = 1>"])
def test_running_sums(how):
    agree(model(X, f"y = CumSum {how} (x, a)", a=np.array(-2)))


@pytest.mark.parametrize("axis", [-1, 0])
def test_one_hot_rows(axis):
    body = f"y = OneHot <axis = {axis}> (x, depth, pair)"
    stored = {"depth": np.array([4]), "pair": np.float32([-1, 2])}
    program = model("int64[2,3] x", body, **stored)
    agree(program, 1e-9, feeds=[{"x": np.array([[0, 3, -1], [4, -4, 1]])}])


@pytest.mark.parametrize("how", ["", "<upper = 0>"])
@pytest.mark.parametrize("shift", [-1, 0, 2])
def test_triangles(shift, how):
    agree(model(X, f"y = Trilu {how} (x, k)", k=np.array(shift)), 1e-9)


def test_every_op_of_the_table_is_run():
    assert {*LOWERINGS} == {"ArgMax", "ArgMin", "CumSum", "OneHot", "TopK", "Trilu"}
    assert not missing(["TopK"], "= TopK")


@pytest.mark.parametrize("batch", [1, 3])
def test_a_free_batch(batch):
    program = model("float[n,4] x", "y, i = TopK (x, two)", "float y, int64 i", two=np.array([2]))
    agree(program, 1e-9, (batch,))


def test_wide_floats_are_refused():
    refused(model("double[4] x", "y = ArgMax (x)", "int64 y"), "does not compute on float64")


def test_a_triangle_of_a_free_size_is_refused():
    refused(model("float[n,4] x", "y = Trilu (x)"), "size of the triangle")
