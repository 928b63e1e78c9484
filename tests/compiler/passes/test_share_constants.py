from __future__ import annotations

import numpy as np
import pytest

from mcompile.graph import clone
from mcompile.passes import share_constants
from mcompile.passes.share_constants import ShareConstants
from mcompile.rules import run

TEXT = "g (float[4] x) => (float[4] y) { a = Add(x, b1) c = Mul(a, a1) y = Add(c, c1) }"


def test_equal_constants_become_the_first_by_name(parse, body, far):
    ones = np.ones(4, np.float32)
    program = parse(TEXT, a1=ones, b1=ones, c1=ones * 2)
    before = clone(program)
    log = run(program, [ShareConstants()])
    assert [a.rule for a in log.applied] == ["share_constants"]
    assert body(program) == ["a = Add(x, a1)", "c = Mul(a, a1)", "y = Add(c, c1)"]
    assert sorted(program.graph.graph.initializers) == ["a1", "c1"]
    assert far(before, program) == 0.0
    assert run(program, [ShareConstants()]).applied == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.float32(0.0), np.float32(-0.0)),
        (np.ones(4, np.float32), np.ones((1, 4), np.float32)),
        (np.ones(4, np.float32), np.float32([1, 1, 1, 1.0000001])),
    ],
)
def test_unlike_constants_stay_apart(parse, one, other):
    program = parse(TEXT, a1=one, b1=other, c1=np.float32(7))
    assert run(program, [ShareConstants()]).applied == ()


def test_types_are_told_apart(parse):
    text = "g (float[4] x) => (float[4] y) { i = Reshape(x, s) f = Cast<to = 1>(k) y = Add(i, f) }"
    program = parse(text, s=np.array([4]), k=np.array([4], np.uint64))
    assert run(program, [ShareConstants()]).applied == ()


def test_a_difference_outside_of_the_sample_is_seen(parse):
    one = np.zeros(1 << 20, np.float32)
    other = one.copy()
    other[300_001] = 1
    text = "g (float[1] x) => (float[1048576] y) { a = Add(x, p) y = Add(a, q) }"
    program = parse(text, p=one, q=other)
    p, q = (program.graph.graph.initializers[n] for n in "pq")
    assert share_constants._sample(p) == share_constants._sample(q)
    assert run(program, [ShareConstants()]).applied == ()


def test_a_weight_that_is_an_input_is_no_constant(parse):
    ones = np.ones(4, np.float32)
    text = TEXT.replace("float[4] x)", "float[4] x, float[4] a1)")
    assert run(parse(text, a1=ones, b1=ones, c1=ones * 2), [ShareConstants()]).applied == ()


def test_a_constant_that_is_an_output_is_the_one_that_stays(parse, body, far):
    ones = np.ones(4, np.float32)
    text = "g (float[4] x) => (float[4] y, float[4] z) { a = Add(x, b) y = Mul(a, z) }"
    program = parse(text, b=ones, z=ones)
    before = clone(program)
    run(program, [ShareConstants()])
    assert body(program) == ["a = Add(x, z)", "y = Mul(a, z)"]
    assert far(before, program) == 0.0


def test_two_outputs_stay_two_constants(parse):
    ones = np.ones(4, np.float32)
    text = "g (float[4] x) => (float[4] y, float[4] u, float[4] v) { a = Add(x, u) y = Mul(a, v) }"
    assert run(parse(text, u=ones, v=ones), [ShareConstants()]).applied == ()


def test_scalars_and_empty_constants_are_shared_too(parse, body):
    text = "g (float[4] x) => (float[4] y) { a = Add(x, s) y = Mul(a, r) }"
    program = parse(text, s=np.float32(2), r=np.float32(2))
    run(program, [ShareConstants()])
    assert body(program) == ["a = Add(x, r)", "y = Mul(a, r)"]
    text = "g (float[n] x) => (float[n] y) { y = Concat<axis = 0>(x, e, d) }"
    empty = parse(text, e=np.empty(0, np.float32), d=np.empty(0, np.float32))
    run(empty, [ShareConstants()])
    assert body(empty) == ["y = Concat(x, d, d)"]
