from __future__ import annotations

import numpy as np
import pytest

from mcompile.graph import clone
from mcompile.passes.drop_identity import DropIdentity
from mcompile.record import Skipped
from mcompile.rules import run

PADS = np.zeros(4, np.int64)


@pytest.mark.parametrize(
    "op",
    [
        "Identity(x)",
        "Dropout(x)",
        "Dropout(x, ratio, no)",
        "Cast<to = 1>(x)",
        "CastLike(x, one)",
        "Transpose<perm = [0, 1]>(x)",
        "Reshape(x, shape)",
        "Reshape(x, copy)",
        "Pad(x, pads)",
        "Concat<axis = 1>(x)",
        "Sum(x)",
        "Max(x)",
    ],
)
def test_an_op_that_does_nothing_goes(parse, body, far, op):
    line = op.replace("(x", "(a")
    program = parse(
        f"g (float[2,3] x) => (float[2,3] y) {{ a = Neg(x) b = {line} y = Abs(b) }}",
        ratio=np.float32(0.5),
        no=np.array(False),
        one=np.float32(1),
        shape=np.array([2, -1]),
        copy=np.array([0, 3]),
        pads=PADS,
    )
    before = clone(program)
    log = run(program, [DropIdentity()])
    assert [a.rule for a in log.applied] == ["drop_identity"]
    assert body(program) == ["a = Neg(x)", "y = Abs(a)"]
    assert list(program.graph.graph.initializers) == []
    assert far(before, program) == 0.0
    assert run(program, [DropIdentity()]).applied == ()


@pytest.mark.parametrize(
    "op",
    [
        "Cast<to = 11>(a)",
        "Transpose<perm = [1, 0]>(a)",
        "Transpose(a)",
        "Reshape(a, shape)",
        "Pad(a, pads)",
        "Concat<axis = 0>(a, a)",
        "CastLike(a, one)",
    ],
)
def test_an_op_that_does_something_stays(parse, op):
    program = parse(
        f"g (float[2,3] x) => (y) {{ a = Neg(x) y = {op} }}",
        shape=np.array([3, 2]),
        pads=np.array([0, 0, 0, 1]),
        one=np.float64(1),
    )
    log = run(program, [DropIdentity()])
    assert (log.applied, log.skipped) == ((), ())


def test_a_graph_output_keeps_its_name(parse, body, far):
    program = parse(
        "g (float[2,3] x) => (float[2,3] y) { a = Neg(x) b = Abs(a) y = Identity(a) z = Abs(a) }"
    )
    before = clone(program)
    run(program, [DropIdentity()])
    assert body(program) == ["y = Neg(x)", "b = Abs(y)", "z = Abs(y)"]
    assert far(before, program) == 0.0


def test_a_chain_collapses_in_one_run(parse, body):
    program = parse(
        """g (float[2] x) => (float[2] y) {
            a = Identity(x) b = Identity(a) c = Identity(b) y = Abs(c)
        }"""
    )
    run(program, [DropIdentity()])
    assert body(program) == ["y = Abs(x)"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{ y = Identity(x) }", "it joins the input x to the output y"),
        ("{ y = Identity(w) }", "it joins the constant w to the output y"),
        ("{ a = Neg(x) y = Dropout(a, ratio, yes) }", "it is in training mode"),
        (
            "{ a = Neg(x) t = Cast<to = 9>(flag) y = Dropout(a, ratio, t) }",
            "whether it is in training mode is only known at run time",
        ),
        ("{ a = Neg(x) b, m = Dropout(a) f = Cast<to = 1>(m) y = Add(b, f) }", "its mask is read"),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    program = parse(
        f"g (float[2] x, float flag) => (float[2] y) {text}",
        w=np.ones(2, np.float32),
        ratio=np.float32(0.5),
        yes=np.array(True),
    )
    before = body(program)
    log = run(program, [DropIdentity()])
    assert [(s.rule, s.reason) for s in log.skipped] == [("drop_identity", reason)]
    assert body(program) == before


def test_two_outputs_of_one_value_stay_two(parse, body):
    program = parse("g (float[2] x) => (float[2] y, float[2] z) { y = Neg(x) z = Identity(y) }")
    log = run(program, [DropIdentity()])
    assert log.skipped == (Skipped("drop_identity", "z", "z and y are both outputs"),)
    assert body(program) == ["y = Neg(x)", "z = Identity(y)"]


def test_a_branch_that_hands_over_an_outer_value_stays(parse):
    program = parse(
        """g (float[2] x, bool c) => (float[2] y) {
            a = Neg(x)
            y = If (c) <
                then_branch = t () => (float[2] p) { p = Identity(a) },
                else_branch = e () => (float[2] q) { r = Identity(a) q = Abs(r) }
            >
        }"""
    )
    log = run(program, [DropIdentity()])
    assert [a.node for a in log.applied] == ["r"]
    assert [s.reason for s in log.skipped] == [
        "p is an output of a branch, and a comes from outside of it"
    ]


def test_one_unknown_dimension_does_not_hide_that_a_reshape_does_nothing(parse, body, far):
    program = parse(
        "g (float[batch,3] x) => (float[batch,3] y) { a = Neg(x) b = Reshape(a, s) y = Abs(b) }",
        s=np.array([-1, 3]),
    )
    before = clone(program)
    run(program, [DropIdentity()])
    assert body(program) == ["a = Neg(x)", "y = Abs(a)"]
    assert far(before, program) == 0.0


def test_two_unknown_dimensions_might_be_swapped(parse):
    program = parse(
        "g (float[n,m] x, int64[2] s) => (float[p,q] y) { a = Neg(x) b = Reshape(a, s) y = Abs(b) }"
    )
    assert run(program, [DropIdentity()]).applied == ()


def test_a_dropout_of_the_first_opsets_trains_unless_told(parse):
    text = "g (float[2] x) => (float[2] y) { a = Neg(x) b = Dropout(a) y = Abs(b) }"
    log = run(parse(text, opset=6), [DropIdentity()])
    assert [s.reason for s in log.skipped] == ["it is in training mode"]
    tested = text.replace("Dropout(", "Dropout<is_test = 1>(")
    assert len(run(parse(tested, opset=6), [DropIdentity()]).applied) == 1
