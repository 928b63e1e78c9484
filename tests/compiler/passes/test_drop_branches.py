from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.graph import clone
from mcompile.invariants import invariants
from mcompile.oracle import Oracle
from mcompile.passes.drop_branches import DropBranches
from mcompile.rules import run

YES, NO = np.array(True), np.array([False])
TEXT = """g (float[n,3] x) => (float[n,3] y) {{
    a = Neg(x)
    c = If ({condition}) <
        then_branch = t () => (float[n,3] p) {{ s = Exp(a) p = Add(s, x) }},
        else_branch = e () => (float[n,3] q) {{ s = Abs(a) q = Mul(s, x) }}
    >
    y = Relu(c)
}}"""


@pytest.mark.parametrize(
    ("condition", "lines"),
    [
        ("yes", ["a = Neg(x)", "s_1 = Exp(a)", "p_1 = Add(s_1, x)", "y = Relu(p_1)"]),
        ("no", ["a = Neg(x)", "s_1 = Abs(a)", "q_1 = Mul(s_1, x)", "y = Relu(q_1)"]),
    ],
)
def test_the_branch_taken_stands_where_the_if_stood(parse, body, far, condition, lines):
    program = parse(TEXT.format(condition=condition), yes=YES, no=NO)
    before = clone(program)
    log = run(program, [DropBranches()])
    assert [a.node for a in log.applied] == ["c"]
    assert body(program) == lines
    invariants(program)
    assert far(before, program) == 0.0
    assert run(program, [DropBranches()]).applied == ()


def test_the_other_branch_would_be_seen(parse, far):
    one, other = (parse(TEXT.format(condition="yes"), yes=c) for c in (YES, NO))
    run(one, [DropBranches()])
    assert far(other, one) > 1e-3


def test_a_condition_of_the_caller_stays(parse):
    program = parse(TEXT.format(condition="b").replace("[n,3] x)", "[n,3] x, bool b)", 1))
    log = run(program, [DropBranches()])
    assert (log.applied, log.skipped) == ((), ())


def test_an_overridable_condition_stays():
    program = graph.parse(
        '<ir_version: 8, opset_import: ["" : 17]>'
        + TEXT.format(condition="b").replace("[n,3] x)", "[n,3] x, bool b)", 1),
        {"b": YES},
    )
    assert run(program, [DropBranches()]).applied == ()


def test_branches_within_branches_go_too(parse, body, far):
    program = parse(
        """g (float[2,3] x) => (float[2,3] y) {
            c = If (yes) <
                then_branch = t () => (float[2,3] p) {
                    a = Exp(x)
                    p = If (no) <
                        then_branch = tt () => (float[2,3] r) { r = Neg(a) },
                        else_branch = te () => (float[2,3] r) { s = Sin(a) r = Add(s, x) }
                    >
                },
                else_branch = e () => (float[2,3] q) { q = Abs(x) }
            >
            y = Relu(c)
        }""",
        yes=YES,
        no=NO,
    )
    before = clone(program)
    run(program, [DropBranches()])
    assert [line.split(" = ")[1].split("(")[0] for line in body(program)] == [
        "Exp", "Sin", "Add", "Relu",
    ]  # fmt: skip
    invariants(program)
    assert far(before, program) == 0.0


def test_a_branch_within_one_that_stays_reads_its_surroundings(parse, far):
    program = parse(
        """g (float[2,3] x, bool b) => (float[2,3] y) {
            y = If (b) <
                then_branch = t () => (float[2,3] p) {
                    a = Exp(x)
                    p = If (yes) <
                        then_branch = tt () => (float[2,3] r) { r = Add(a, x) },
                        else_branch = te () => (float[2,3] r) { r = Neg(a) }
                    >
                },
                else_branch = e () => (float[2,3] q) { q = Abs(x) }
            >
        }""",
        yes=YES,
    )
    before = clone(program)
    run(program, [DropBranches()])
    taken = program.graph.graph[0].attributes["then_branch"].as_graph()
    assert [n.op_type for n in taken] == ["Exp", "Add"]
    assert taken.outputs[0].name == "p"
    invariants(program)
    assert far(before, program) == 0.0


def test_two_ifs_with_the_same_names_inside_do_not_collide(parse, body, far):
    part = """{o} = If ({c}) <
        then_branch = t () => (float[2,3] p) {{ s = Exp({i}) p = Neg(s) }},
        else_branch = e () => (float[2,3] p) {{ s = Abs({i}) p = Sin(s) }} >"""
    first = part.format(o="u", c="yes", i="x")
    second, third = part.format(o="v", c="b", i="u"), part.format(o="w", c="no", i="v")
    program = parse(
        f"g (float[2,3] x, bool b) => (float[2,3] y) {{ {first} {second} {third} y = Relu(w) }}",
        yes=YES,
        no=NO,
    )
    before = clone(program)
    assert len(run(program, [DropBranches()]).applied) == 2
    assert [line.split(" = ")[1].split("(")[0] for line in body(program)] == [
        "Exp", "Neg", "If", "Abs", "Sin", "Relu",
    ]  # fmt: skip
    invariants(program)
    assert far(before, program) == 0.0


def test_outputs_keep_their_names_whatever_makes_them(parse):
    """A constant of the branch, and one value twice, as outputs of the graph."""
    program = parse(
        """g (float[2] x) => (float[2] y, float[2] z, float[2] k) {
            y, z, k = If (yes) <
                then_branch = t () => (float[2] p, float[2] p, float[2] w)
                    <float[2] w = {1.0, 2.0}> { p = Exp(x) },
                else_branch = e () => (float[2] q, float[2] r, float[2] s)
                    { q = Abs(x) r = Neg(x) s = Sin(x) }
            >
        }""",
        yes=YES,
    )
    run(program, [DropBranches()])
    assert [v.name for v in program.graph.graph.outputs] == ["y", "z", "k"]
    assert sorted(n.op_type for n in program.graph.graph) == ["Exp", "Identity", "Identity"]
    invariants(program)
    data = np.array([0.5, -1.0], np.float32)
    got = Oracle(program).run({"x": data})  # the runtime loses an output that a branch has twice
    for name, expected in {"y": np.exp(data), "z": np.exp(data), "k": [1, 2]}.items():
        np.testing.assert_allclose(got[name], expected, rtol=1e-6)


OPS = st.lists(st.sampled_from(["Exp", "Neg", "Abs", "Sin"]), min_size=1, max_size=3)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.booleans(), OPS, OPS), min_size=1, max_size=3))
def test_any_chain_of_choices_computes_the_same(choices):
    def chain(ops, source):
        steps = [f"t{k + 1} = {op}(t{k})" for k, op in enumerate(ops)]
        steps = [s.replace("(t0)", f"({source})") for s in steps]
        return f"() => (float[2] t{len(ops)}) {{ {' '.join(steps)} }}"

    text, known = [], {}
    for k, (choice, one, other) in enumerate(choices):
        known[f"c{k}"] = np.array(choice)
        text.append(
            f"v{k + 1} = If (c{k}) < then_branch = a {chain(one, f'v{k}')},"
            f" else_branch = b {chain(other, f'v{k}')} >"
        )
    program = graph.parse(
        f"""<ir_version: 8, opset_import: ["" : 17]> g (float[2] v0) => (float[2] y) {{
            {" ".join(text)} y = Identity(v{len(choices)}) }}""",
        known,
    )
    before = clone(program)
    assert len(run(program, [DropBranches()]).applied) == len(choices)
    invariants(program)
    feeds = {"v0": np.array([0.25, -0.5], np.float32)}
    np.testing.assert_array_equal(Oracle(program).run(feeds)["y"], Oracle(before).run(feeds)["y"])
