"""Bounds of sizes that are free."""

import pytest

from mcompile.backends.tensorrt.profiles import profiles
from mcompile.errors import LoweringError

from .written import one


def test_fixed_sizes_need_no_bounds():
    assert profiles(one("y = Relu(x)")) == {}


def test_a_free_leading_size_has_bounds():
    program = one("y = Relu(x)", "(float[n,3,8] x) => (float[n,3,8] y)")
    assert profiles(program) == {"x": {"min": [1, 3, 8], "opt": [1, 3, 8], "max": [16, 3, 8]}}


def test_another_free_size_is_refused_with_the_way_out():
    program = one("y = Relu(x)", "(float[n,3,width] x) => (float[n,3,width] y)")
    with pytest.raises(LoweringError, match="bounds of the free size width of x") as caught:
        profiles(program)
    assert caught.value.fix == "--input 'x=F32[N,3,N]' with numbers in place of N"
