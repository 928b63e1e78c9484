from __future__ import annotations

import numpy as np

from mcompile.graph import clone
from mcompile.passes.drop_dead import DropDead
from mcompile.rules import run


def test_what_nobody_reads_goes_with_all_that_only_it_reads(parse, body, far):
    program = parse(
        """g (float[2] x) => (float[2] y) {
            a = Neg(x) b = Add(a, w) c = Abs(b) y = Add(x, v)
        }""",
        w=np.ones(2, np.float32),
        v=np.ones(2, np.float32),
    )
    before = clone(program)
    log = run(program, [DropDead()])
    assert [(a.rule, a.node) for a in log.applied] == [("drop_dead", "c")]
    assert body(program) == ["y = Add(x, v)"]
    assert list(program.graph.graph.initializers) == ["v"]
    assert far(before, program) == 0.0
    assert run(program, [DropDead()]).applied == ()


def test_a_constant_that_no_node_ever_read_goes(parse):
    program = parse("g (float[2] x) => (float[2] y) { y = Neg(x) }", w=np.ones(2, np.float32))
    run(program, [DropDead()])
    assert list(program.graph.graph.initializers) == []


def test_a_constant_that_the_caller_may_override_stays(parse):
    program = parse("g (float[2] x, float[2] w) => (float[2] y) { y = Neg(x) }", w=np.ones(2))
    run(program, [DropDead()])
    assert list(program.graph.graph.initializers) == ["w"]


def test_an_output_and_what_a_branch_reads_stay(parse, body):
    text = """g (float[2] x, bool c) => (float[2] y, float[2] z) {
        z = Abs(x)
        a = Neg(x)
        y = If (c) <
            then_branch = t () => (float[2] p) { p = Abs(a) },
            else_branch = e () => (float[2] q) { r = Sin(a) q = Neg(x) }
        >
    }"""
    program = parse(text)
    log = run(program, [DropDead()])
    assert [a.node for a in log.applied] == ["r"]
    assert body(program) == ["z = Abs(x)", "a = Neg(x)", "y = If(c)"]


def test_a_dead_branching_node_frees_what_its_branches_read(parse, body):
    program = parse(
        """g (float[2] x, bool c) => (float[2] y) {
            a = Neg(x)
            b = If (c) <
                then_branch = t () => (float[2] p) { p = Abs(a) },
                else_branch = e () => (float[2] q) { q = Sin(a) }
            >
            y = Abs(x)
        }"""
    )
    run(program, [DropDead()])
    assert body(program) == ["y = Abs(x)"]


def test_of_several_outputs_one_reader_is_enough(parse, body):
    program = parse("g (float[4] x) => (float[2] y) { a, b = Split(x) y = Neg(b) }", opset=13)
    assert run(program, [DropDead()]).applied == ()
    assert body(program)[0] == "a, b = Split(x)"
