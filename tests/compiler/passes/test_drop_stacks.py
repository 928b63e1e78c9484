from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.passes.drop_dead import DropDead
from mcompile.passes.drop_stacks import DropStacks
from mcompile.rules import run

STORED = {
    "one": np.array([1]),
    "back": np.array([-3]),
    "two": np.array([1, 2]),
    "zero": np.array([0]),
}
STORED |= {"w": np.random.default_rng(0).standard_normal((1, 2, 3, 1)).astype(np.float32)}
STORED |= {"narrow": np.ones((1, 1, 3, 1), np.float32)}
PARTS = "a = Relu(x) b = Neg(x) u = Unsqueeze(a, one) v = Unsqueeze(b, one) "
STACK = PARTS + "s = Concat<axis = 1>(u, v) "
WEIGHED = STACK + "e = Sigmoid(w) m = Mul(s, e) y = ReduceSum<keepdims = 0>(m, one)"
PLAIN = ["a = Relu(x)", "b = Neg(x)"]


def parsed(parse, text, opset=17):
    head = "g (float[2,3,4] x) => (float[k,l,m] y)"
    return parse(f"{head} {{ {text} }}", opset, **STORED)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (STACK + "y = ReduceSum<keepdims = 0>(s, one)", ["y = Add(a, b)"]),
        (STACK + "y = ReduceSum<keepdims = 0>(s, back)", ["y = Add(a, b)"]),
        (
            PARTS + "s = Concat<axis = 1>(u, v, u) y = ReduceSum<keepdims = 0>(s, one)",
            ["y_add = Add(a, b)", "y = Add(y_add, a)"],
        ),
        (
            WEIGHED,
            [
                "e = Sigmoid(w)",
                "y_gather = Gather(e, place)",
                "y_mul = Mul(a, y_gather)",
                "y_gather_1 = Gather(e, place_1)",
                "y_mul_1 = Mul(b, y_gather_1)",
                "y = Add(y_mul, y_mul_1)",
            ],
        ),
    ],
)
def test_a_stack_that_is_summed_is_a_sum(parse, body, far, text, left):
    program = parsed(parse, text)
    before = graph.clone(program)
    log = run(program, [DropStacks(), DropDead()])
    assert log.applied[0].rule == "drop_stacks"
    assert body(program) == [*PLAIN, *left]
    assert far(before, program) < 1e-6
    assert run(program, [DropStacks()]).applied == ()


def test_both_sums_of_a_weighed_stack_go(parse, body, far):
    text = WEIGHED.replace("y =", "z =") + " t = ReduceSum<keepdims = 0>(s, one) y = Mul(z, t)"
    program = parsed(parse, text)
    before = graph.clone(program)
    run(program, [DropStacks(), DropDead()])
    assert not any("Concat" in line for line in body(program))
    assert far(before, program) < 1e-6


def test_the_axis_as_an_attribute(parse, body, far):
    text = ("u = Unsqueeze<axes = [1]>(x) v = Unsqueeze<axes = [1]>(x) "
            "s = Concat<axis = 1>(u, v) y = ReduceSum<axes = [1], keepdims = 0>(s)")  # fmt: skip
    program = parsed(parse, text, 11)
    before = graph.clone(program)
    run(program, [DropStacks(), DropDead()])
    assert body(program) == ["y = Add(x, x)"]
    assert far(before, program) == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            PARTS + "s = Concat<axis = 1>(u, v, u, v, u) y = ReduceSum<keepdims = 0>(s, one)",
            "5 values were stacked",
        ),
        (
            STACK + "t = ReduceSum<keepdims = 0>(s, one) r = ReduceMax<axes = [1], keepdims = 0>(s)"
            " y = Add(t, r)",
            "s has other readers",
        ),
        (WEIGHED.replace("(w)", "(narrow)"), "e has no entry for each stacked value"),
    ],
)
def test_what_speaks_against_it(parse, text, reason):
    log = run(parsed(parse, text), [DropStacks()])
    assert log.applied == ()
    assert {s.reason for s in log.skipped} == {reason}


@pytest.mark.parametrize(
    "text",
    [
        STACK + "t = ReduceSum(s, one) y = Squeeze(t, one)",  # the axis stays
        STACK + "y = ReduceSum<keepdims = 0>(s, zero)",  # another axis
        STACK + "t = ReduceSum<keepdims = 0>(s, two) y = Unsqueeze(t, one)",  # two of them
        "u = Unsqueeze(x, one) s = Concat<axis = 0>(u, u) y = ReduceSum<keepdims = 0>(s, one)",
    ],
)
def test_other_sums_are_left_alone(parse, text):
    program = parsed(parse, text)
    assert run(program, [DropStacks()]).applied == ()
