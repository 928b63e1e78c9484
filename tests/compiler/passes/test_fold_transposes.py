from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fold_transposes import FoldTransposes
from mcompile.rules import run


def test_two_transposes_become_one(parse, body, far):
    program = parse(
        """g (float[2,3,4] x) => (y) {
            a = Transpose<perm = [0, 2, 1]>(x) y = Transpose<perm = [1, 0, 2]>(a)
        }"""
    )
    before = graph.clone(program)
    log = run(program, [FoldTransposes()])
    assert [(a.rule, a.node) for a in log.applied] == [("fold_transposes", "y")]
    assert body(program) == ["y = Transpose(x)"]
    assert list(program.graph.graph.node(0).attributes["perm"].as_ints()) == [2, 0, 1]
    assert far(before, program) == 0.0
    assert run(program, [FoldTransposes()]).applied == ()


def test_a_wrong_order_would_be_seen(parse, far):
    text = """g (float[3,3,3] x) => (y) {
        a = Transpose<perm = [0, 2, 1]>(x) y = Transpose<perm = [1, 0, 2]>(a)
    }"""
    program, other = parse(text), parse(text.replace("[1, 0, 2]", "[2, 0, 1]"))
    run(program, [FoldTransposes()])
    assert far(other, program) > 1e-3


def test_what_undoes_itself_vanishes_and_readers_of_the_middle_keep_it(parse, body, far):
    program = parse(
        """g (float[2,3,4] x) => (y, z) {
            a = Transpose(x) b = Transpose(a) y = Relu(b) z = Neg(a)
        }"""
    )
    before = graph.clone(program)
    run(program, [FoldTransposes()])
    assert body(program) == ["a = Transpose(x)", "y = Relu(x)", "z = Neg(a)"]
    assert far(before, program) == 0.0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = Transpose(x) y = Transpose(a)", "it joins the input x to the output y"),
        ("a = Transpose(k) b = Transpose<perm = [0, 1]>(a) y = Abs(b)", "the rank is not known"),
        ("a = Relu(x) y = Transpose(a)", None),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    program = parse(f"g (float[2,3] x, float k) => (y) {{ {text} }}")
    if reason == "the rank is not known":
        for value in graph.values(program.graph.graph):
            value.shape = None
    before = body(program)
    log = run(program, [FoldTransposes()])
    assert [s.reason for s in log.skipped] == ([reason] if reason else [])
    assert body(program) == before


def test_inside_of_a_branch_the_first_may_stand_outside(parse, far):
    program = parse(
        """g (float[2,3] x, bool k) => (float[2,3] y) {
            a = Transpose(x)
            y = If (k) <
                then_branch = t () => (float[2,3] p) { b = Transpose(a) p = Neg(b) },
                else_branch = e () => (float[2,3] q) { q = Transpose(a) }
            >
        }"""
    )
    before = graph.clone(program)
    log = run(program, [FoldTransposes()])
    assert [a.node for a in log.applied] == ["b"]
    assert [s.reason for s in log.skipped] == [
        "q is an output of a branch, and x comes from outside of it"
    ]
    assert far(before, program) == 0.0


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(list(itertools.permutations(range(3)))), min_size=2, max_size=5))
def test_any_chain_becomes_one_at_most(orders):
    lines, last = [], "x"
    for k, order in enumerate(orders):
        lines.append(f"v{k} = Transpose<perm = {list(order)}>({last})")
        last = f"v{k}"
    text = (
        f'<ir_version: 8, opset_import: ["" : 13]> g (float[2,3,4] x) => (y) {{ {" ".join(lines)}'
    )
    program = graph.parse(f"{text} y = Neg({last}) }}")
    before = graph.clone(program)
    run(program, [FoldTransposes()])
    assert [n.op_type for n in program.graph.graph] in (["Neg"], ["Transpose", "Neg"])
    x = {"x": np.arange(24, dtype=np.float32).reshape(2, 3, 4)}
    np.testing.assert_array_equal(Oracle(program).run(x)["y"], Oracle(before).run(x)["y"])
