"""A number in the place of a free size."""

from __future__ import annotations

import pytest

from mcompile import graph
from mcompile.backends.litert.place import WAYS_OUT
from mcompile.backends.litert.sizes import bound, offered
from mcompile.errors import LoweringError

from .lowered import model


def shapes(program):
    return {v.name: graph.dims(v) for v in graph.values(program.graph.graph)}


def test_every_shape_is_known():
    program = model("float[n,3] x", "a = Concat <axis = 0> (x, x)\n y = Abs (a)")
    found, stand_in = bound(program)
    assert stand_in > 1000
    assert shapes(found)["y"] == (2 * stand_in, 3)
    assert graph.dims(program.graph.graph.inputs[0]) == ("n", 3)


def test_fixed_sizes_need_no_number():
    assert bound(model("float[2,3] x", "y = Abs (x)"))[1] == 0


def test_the_number_divides_no_other_size():
    assert bound(model("float[n,15838] x", "y = Abs (x)"))[1] != 7919  # 2 * 7919


def test_two_free_sizes_are_refused():
    with pytest.raises(LoweringError, match="one free size, and m, n are") as caught:
        bound(model("float[n,m] x", "y = Abs (x)"))
    assert "--input" in caught.value.fix


def failing(program, fix):
    with pytest.raises(LoweringError) as caught, offered(program):
        raise LoweringError("no", fix=fix)
    return caught.value.fix


def test_a_way_out_names_the_input_with_numbers():
    program = model("float[1,4,n] x, int64[n,2] i, bool[3] k", "y = Abs (x)")
    assert "--input x=F32[1,4,64] --input i=I64[1,2]" in failing(program, WAYS_OUT)
    assert "k=" not in failing(program, WAYS_OUT)
    assert failing(program, "store it") == "store it"
    assert failing(model("float[2] x", "y = Abs (x)"), WAYS_OUT) == WAYS_OUT
