from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.graph import clone
from mcompile.invariants import invariants
from mcompile.oracle import Oracle
from mcompile.passes.share_expressions import ShareExpressions
from mcompile.reference import random_feeds
from mcompile.rules import run


def test_the_first_of_equal_nodes_stays(parse, body, far):
    program = parse(
        """g (float[4] x) => (float[4] y) {
            a = Sigmoid(x) b = Sigmoid(x) c = Neg(a) d = Neg(b) y = Mul(c, d)
        }"""
    )
    before = clone(program)
    log = run(program, [ShareExpressions()])
    assert [(a.rule, a.node) for a in log.applied] == [
        ("share_expressions", "b"),
        ("share_expressions", "d"),
    ]
    assert body(program) == ["a = Sigmoid(x)", "c = Neg(a)", "y = Mul(c, c)"]
    assert far(before, program) == 0.0
    assert run(program, [ShareExpressions()]).applied == ()


def test_inputs_of_a_sum_may_be_swapped_and_those_of_a_difference_not(parse, body, far):
    program = parse(
        """g (float[4] x, float[4] z) => (float[4] y) {
            a = Add(x, z) b = Add(z, x) c = Sub(x, z) d = Sub(z, x) e = Mul(a, c)
            f = Mul(b, d) y = Sub(e, f)
        }"""
    )
    before = clone(program)
    log = run(program, [ShareExpressions()])
    assert [a.node for a in log.applied] == ["b"]
    assert far(before, program) == 0.0


def test_an_output_keeps_its_name(parse, body, far):
    program = parse(
        """g (float[4] x) => (float[4] y, float[4] z) {
            a = Neg(x) b = Abs(a) y = Neg(x) c = Exp(a) z = Add(b, c)
        }"""
    )
    before = clone(program)
    run(program, [ShareExpressions()])
    assert body(program) == ["y = Neg(x)", "b = Abs(y)", "c = Exp(y)", "z = Add(b, c)"]
    assert far(before, program) == 0.0


def test_two_outputs_stay_two(parse):
    program = parse("g (float[4] x) => (float[4] y, float[4] z) { y = Neg(x) z = Neg(x) }")
    log = run(program, [ShareExpressions()])
    assert [s.reason for s in log.skipped] == ["z and y are both outputs"]
    assert log.applied == ()


def test_a_third_twin_joins_the_first(parse, body):
    program = parse(
        """g (float[4] x) => (float[4] y, float[4] z, float[4] w) {
            y = Neg(x) z = Neg(x) c = Neg(x) w = Exp(c)
        }"""
    )
    run(program, [ShareExpressions()])
    assert body(program) == ["y = Neg(x)", "z = Neg(x)", "w = Exp(y)"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Softmax<axis = 0>(x)", "Softmax<axis = 1>(x)"),
        ("Elu<alpha = 0.0>(x)", "Elu<alpha = -0.0>(x)"),
        ("Elu<alpha = 1.0>(x)", "Elu(x)"),
        ("Transpose<perm = [0, 1]>(x)", "Transpose<perm = [1, 0]>(x)"),
        ("RandomNormalLike(x)", "RandomNormalLike(x)"),
        ("Dropout(x)", "Dropout(x)"),
        ("Neg(x)", "Neg(z)"),
        ("Cast<to = 10>(x)", "Cast<to = 11>(x)"),
        ("Clip(x, l)", "Clip(x, , l)"),
    ],
)
def test_unlike_nodes_and_those_that_draw_stay_apart(parse, one, other):
    program = parse(
        f"g (float[4,4] x, float[4,4] z) => (p, q) {{ a = {one} b = {other} p = Exp(a)"
        " q = Abs(b) }",
        l=np.float32(0.5),
    )
    log = run(program, [ShareExpressions()])
    assert (log.applied, log.skipped) == ((), ())


def test_attributes_that_are_tensors_are_compared_to_the_bit(parse):
    text = "g (int64[1] s) => (y) {{ a = ConstantOfShape<value = float[1] {{{0}}}>(s)"
    text += " b = ConstantOfShape<value = float[1] {{{1}}}>(s) y = Sub(a, b) }}"
    assert len(run(parse(text.format("1.0", "1.0")), [ShareExpressions()]).applied) == 1
    assert run(parse(text.format("0.0", "-0.0")), [ShareExpressions()]).applied == ()


def test_several_outputs_move_together(parse, body, far):
    program = parse(
        """g (float[4] x) => (float[2] y) {
            a, b = Split(x, h) c, d = Split(x, h) e = Neg(a) f = Neg(d) y = Add(e, f)
        }""",
        h=np.array([2, 2]),
    )
    before = clone(program)
    run(program, [ShareExpressions()])
    assert body(program)[:3] == ["a, b = Split(x, h)", "e = Neg(a)", "f = Neg(b)"]
    assert far(before, program) == 0.0


def test_a_node_that_leaves_an_output_out_is_not_one_that_makes_it(parse):
    text = "g (float[1,1,4] x) => (p, q, i) { a, i = MaxPool<kernel_shape = [2]>(x)"
    text += " b = MaxPool<kernel_shape = [2]>(x) p = Exp(a) q = Abs(b) }"
    assert run(parse(text), [ShareExpressions()]).applied == ()


def test_branches_and_other_domains_are_left_alone():
    program = graph.parse(
        """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
        g (float[2] x, bool c) => (float[2] y) {
            a = Neg(x)
            s = If (c) <then_branch = t () => (float[2] p) { p = Neg(x) },
                        else_branch = e () => (float[2] q) { q = Abs(x) }>
            r = If (c) <then_branch = u () => (float[2] v) { v = Neg(x) },
                        else_branch = f () => (float[2] w) { w = Abs(x) }>
            m = own.Counter(a) k = own.Counter(a) n = Add(s, r) o = Add(m, k) y = Add(n, o)
        }"""
    )
    log = run(program, [ShareExpressions()])
    assert log.applied == ()
    assert [(s.node, s.reason) for s in log.skipped] == [("k", "an op of own may have a state")]


def test_inside_of_a_branch_too(parse, far):
    program = parse(
        """g (float[2] x, bool c) => (float[2] y) {
            y = If (c) <
                then_branch = t () => (float[2] p) { a = Neg(x) b = Neg(x) p = Add(a, b) },
                else_branch = e () => (float[2] q) { q = Abs(x) }
            >
        }"""
    )
    before = clone(program)
    assert [a.node for a in run(program, [ShareExpressions()]).applied] == ["b"]
    assert far(before, program) == 0.0


def test_a_later_node_never_stands_in_for_an_earlier_reader(parse, body, far):
    """The one that is seen first may stand behind: here its twin is made equal by a rewrite."""
    program = parse(
        """g (float[4] x) => (float[4] y) {
            a = Neg(x) b = Neg(x) c = Exp(b) d = Abs(c) e = Exp(a) f = Abs(e) y = Sub(d, f)
        }"""
    )
    before = clone(program)
    run(program, [ShareExpressions()])
    invariants(program)
    assert body(program) == ["a = Neg(x)", "c = Exp(a)", "d = Abs(c)", "y = Sub(d, d)"]
    assert far(before, program) == 0.0


def two(parse):
    """A rule at the start of a run, and two equal nodes."""
    program = parse(
        "g (float[4] x, float[4] z) => (float[4] y) { a = Neg(x) b = Neg(x) y = Sub(a, b) }"
    )
    rule = ShareExpressions()
    rule.start(program)
    return rule, *list(program.graph.graph)[:2]


def test_the_first_is_the_one_that_stands_before_whoever_is_seen_before(parse):
    rule, first, second = two(parse)
    assert rule.match(second) is None
    assert rule.match(first) is None
    found = rule.match(second)
    assert (found.kept, found.dropped) == (first, second)


def test_a_node_that_was_changed_since_it_was_seen_is_no_twin(parse):
    rule, first, second = two(parse)
    assert rule.match(first) is None
    first.replace_input_with(0, first.graph.inputs[1])
    assert rule.match(second) is None


def test_sharing_what_is_not_equal_would_be_seen(parse, far):
    program = parse(
        "g (float[4] x, float[4] z) => (float[4] y) { a = Neg(x) b = Neg(z) y = Sub(a, b) }"
    )
    wrong = clone(program)
    wrong.graph.graph.node(1).replace_input_with(0, wrong.graph.graph.inputs[0])
    run(wrong, [ShareExpressions()])
    assert far(program, wrong) > 0.1


def test_many_twins_are_shared_in_the_time_of_their_number():
    x = ir.val("x", ir.DataType.FLOAT, [2])
    nodes = [ir.Node("", "Neg", [x], name=f"n{k}") for k in range(1500)]
    readers = [ir.Node("", "Exp", n.outputs, name=f"e{k}") for k, n in enumerate(nodes)]
    last = ir.Node("", "Sum", [n.outputs[0] for n in readers], name="sum")
    body = ir.Graph([x], last.outputs, nodes=[*nodes, *readers, last], opset_imports={"": 17})
    last.outputs[0].dtype, last.outputs[0].shape = ir.DataType.FLOAT, ir.Shape([2])
    program = graph.program("many", ir.Model(body, ir_version=8))
    assert len(run(program, [ShareExpressions()]).applied) == 2998
    assert [n.op_type for n in program.graph.graph] == ["Neg", "Exp", "Sum"]


OPS = ["Neg({0})", "Abs({0})", "Add({0}, {1})", "Mul({0}, {1})", "Sub({0}, {1})", "Max({0}, {1})"]


@st.composite
def webs(draw):
    names, lines = ["x"], []
    for k in range(draw(st.integers(2, 14))):
        read = [draw(st.sampled_from(names[-5:])) for _ in range(2)]
        lines.append(f"v{k} = {draw(st.sampled_from(OPS)).format(*read)}")
        names.append(f"v{k}")
    ports = draw(st.lists(st.sampled_from(names[1:]), min_size=1, max_size=3, unique=True))
    outputs = ", ".join(f"float[4] {n}" for n in ports)
    return f"g (float[4] x) => ({outputs}) {{ {' '.join(lines)} }}"


@settings(max_examples=80, deadline=None, derandomize=True)
@given(webs())
def test_any_web_computes_the_same_and_holds_no_twins(text):
    program = graph.parse('<ir_version: 8, opset_import: ["" : 17]>' + text)
    before = clone(program)
    log = run(program, [ShareExpressions()])
    invariants(program)
    feeds = random_feeds(before, 0)
    want, got = Oracle(before).run(feeds), Oracle(program).run(feeds)
    for name in want:
        np.testing.assert_array_equal(got[name], want[name])
    live = [n for n in program.graph.graph if not graph.is_dead(n)]
    seen = {(n.op_type, *(v.name for v in n.inputs)) for n in live}
    assert len(live) - len(seen) <= len(log.skipped)
