from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.algebra import spread
from mcompile.algebra.spread import Spread

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'
WEIGHTS = {
    "heads": np.array([0, 0, 2, 3]),
    "mixed": np.array([4, 2, 3, -1]),
    "sizes": np.array([1, 5]),
    "two": np.array(2),
    "both": np.array([0, 1]),
}


def value(text, name="y", size="2,4,6", weights=WEIGHTS):
    program = graph.parse(HEAD + f"g (float[{size}] x) => (y) {{ {text} }}", weights)
    graph.infer_shapes(program)
    return next(v for n in program.graph.graph for v in n.outputs if v.name == name)


def steps(made, scale, axis=None):
    found = spread.before(made.producer(), made, Spread(np.array(scale, float), axis))
    return [(v.name, list(s.scale), s.axis) for v, s in found]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((), ([2.0], None)),
        ((1, 1), ([2.0], None)),
        ((6,), ([2.0] * 6, -1)),
        ((4, 1), ([2.0] * 4, -2)),
        ((4, 6), None),
        ((1, 1, 1, 1), None),
        ((5, 1), None),
    ],
)
def test_a_constant_is_a_factor_along_one_axis_at_most(shape, expected):
    data = np.full(shape, 2, np.float32)
    made = value("y = Mul(x, f)", weights={"f": data})
    source, constant = made.producer().inputs
    found = spread.of(constant, data, source)
    assert (None if found is None else (list(found.scale), found.axis)) == expected


def test_whole_numbers_are_no_factors():
    made = value("y = Mul(x, x)")
    assert spread.of(made, np.array(2), made) is None


@pytest.mark.parametrize(
    ("text", "axis", "expected"),
    [
        ("y = Transpose<perm = [0,2,1]>(x)", -2, [("x", [2, 3], -1)]),
        ("y = Transpose(x)", -2, []),
        ("y = Transpose(x)", None, [("x", [2, 3], None)]),
        ("y = Reshape(x, heads)", -2, [("x", [2, 2, 2, 3, 3, 3], -1)]),
        ("y = Reshape(x, mixed)", -3, []),
        ("y = Relu(x)", None, []),
        ("y = Add(x, x)", None, []),
    ],
)
def test_factors_are_followed_through_what_only_moves_them(text, axis, expected):
    assert steps(value(text), [2, 3], axis) == expected


def test_what_a_split_gives_elsewhere_keeps_its_size():
    made = value("y, z = Split<axis = 2>(x, sizes)", "z")
    assert steps(made, [3]) == [("x", [1, 3, 3, 3, 3, 3], -1)]
    assert steps(made, [3, 4, 5, 6, 7], -1) == [("x", [1, 3, 4, 5, 6, 7], -1)]
    assert steps(made, [3, 4, 5, 6], -2) == []


def test_a_gather_takes_one_index():
    made = value("y = Gather<axis = 1>(x, two)")
    assert steps(made, [3]) == [("x", [1, 1, 3, 1], -2)]
    assert steps(made, [3, 4], -2) == []
    assert spread.taken(made.producer()) == (-2, 2, 4)
    several = value("y = Gather<axis = 1>(x, both)")
    assert spread.taken(several.producer()) is None
    assert steps(several, [3]) == []


def test_a_factor_of_a_product_is_one_of_either_side():
    made = value("t = Transpose<perm = [0,2,1]>(x) y = MatMul(x, t)")
    assert steps(made, [3]) == [("x", [3], None), ("t", [3], None)]
    assert steps(made, [3, 4], -3) == [("x", [3, 4], -3), ("t", [3, 4], -3)]
    assert steps(made, [3, 4, 5, 6], -2) == []


def test_a_product_with_a_constant_is_not_one_of_attention():
    made = value("y = MatMul(x, w)", weights={"w": np.ones((6, 6), np.float32)})
    assert not spread.is_product(made.producer())
    assert steps(made, [3]) == []
