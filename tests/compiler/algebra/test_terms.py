from __future__ import annotations

import operator
from math import prod

import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.algebra import terms
from mcompile.algebra.terms import Size, add, atom, divide, equal, multiply, subtract

N, M, K = atom(Size("x", 0)), atom(Size("x", 1)), atom("k")
FREE = {Size("x", 0): 5, Size("x", 1): 7, "k": -3}


def worth(term):
    """The number that the term is, for those atoms."""
    if isinstance(term, int):
        return term
    products = ((prod(FREE[what] ** power for what, power in p), times) for p, times in term)
    return sum(worth * times for worth, times in products)


def test_terms_have_one_form():
    assert add(N, M) == add(M, N)
    assert multiply(N, add(M, 2)) == add(multiply(N, M), multiply(2, N))
    assert subtract(add(N, 3), N) == 3
    assert multiply(N, 0) == 0
    assert multiply(1, N) == N
    assert add(subtract(N, M), M) == N


def test_a_quotient_is_known_where_nothing_is_rounded():
    assert divide(multiply(N, 4), 4) == N
    assert divide(multiply(N, 4), 2) == multiply(N, 2)
    assert divide(add(multiply(N, 4), 1), 4) is None
    assert (divide(7, 2), divide(-7, 2), divide(-8, 2)) == (3, None, -4)
    assert divide(7, 0) is None
    assert divide(7, -1) is None
    assert divide(N, M) is None


def test_whether_terms_are_equal_is_known_where_it_is_always_so():
    assert (equal(3, 3), equal(3, 4), equal(N, N)) == (1, 0, 1)
    assert equal(N, M) is None
    assert (equal(N, -1), equal(-1, add(N, 2))) == (0, 0)
    assert equal(N, 0) is None
    assert equal(K, -1) is None
    assert equal(subtract(N, M), -1) is None


def test_the_smaller_is_known_of_numbers_and_of_equals():
    least = terms.extreme(min)
    assert (least(2, 3), least(N, N), least(N, 3)) == (2, N, None)


OPS = {"+": (add, operator.add), "-": (subtract, operator.sub), "*": (multiply, operator.mul)}
PAIRS = st.recursive(
    st.sampled_from([(N, 5), (M, 7), (K, -3)]) | st.integers(-3, 3).map(lambda n: (n, n)),
    lambda inner: st.tuples(st.sampled_from(sorted(OPS)), inner, inner).map(
        lambda t: (OPS[t[0]][0](t[1][0], t[2][0]), OPS[t[0]][1](t[1][1], t[2][1]))
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(PAIRS, PAIRS)
def test_terms_compute_as_numbers_do(one, other):
    assert worth(one[0]) == one[1]
    assert isinstance(one[0], int) or all(times for _, times in one[0])
    if one[0] == other[0]:
        assert one[1] == other[1]
    if (known := equal(one[0], other[0])) is not None:
        assert known == (one[1] == other[1])


@pytest.fixture
def values():
    text = """<ir_version: 8, opset_import: ["" : 17]>
    g (float[n,3] x, float[n,3] z, float[?,3] u, float[1,3] one, float s) => (float[n,3] y) {
        a = Add(x, z) b = Add(u, one) c = Add(a, b) y = Add(c, s)
    }"""
    found = graph.parse(text)
    return {v.name: v for v in found.graph.graph.inputs}


def test_dimensions_of_one_name_are_equal_and_those_without_a_name_are_not(values):
    x, z, u = (terms.sizes(values[n]) for n in "xzu")
    assert x == z
    assert (x[1], u[1]) == (3, 3)
    assert u[0] not in {x[0], 3}
    assert u == terms.sizes(values["u"])
    assert terms.sizes(None) is None


@pytest.mark.parametrize(
    ("small", "large", "expected"),
    [
        ("z", "x", True),
        ("one", "x", True),
        ("x", "one", False),
        ("s", "x", True),
        ("x", "s", False),
        ("u", "x", False),
    ],
)
def test_what_fits_into_a_value_does_not_enlarge_it(values, small, large, expected):
    assert terms.fits(values[small], values[large]) is expected
    assert terms.fits(None, values[large]) is False


def test_a_multiple_by_name_is_that_multiple():
    value = ir.Value(name="v", shape=ir.Shape(["n", "16*n", "n * 2", "2*n*m", "*n"]))
    n, sixteen, other, product, odd = terms.sizes(value)
    assert sixteen == terms.multiply(16, n)
    assert {other, product, odd}.isdisjoint({terms.multiply(2, n), n})
