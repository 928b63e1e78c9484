from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.drop_dead import DropDead
from mcompile.passes.fold_sequences import FoldSequences
from mcompile.rules import run

INTS = {f"i{n}": np.array(n) for n in (0, 1, 2, 3, 4)} | {"last": np.array(-1)}
RULES = [FoldSequences(), DropDead()]
X = "g (float[2,6] x, int64 at) => (y) { "


def run_on(parse, text, opset=17, **more):
    program = parse(X + text + " }", opset, **INTS, **more)
    return program, graph.clone(program), run(program, RULES)


def same(before, program):
    rng = np.random.default_rng(0)
    x = {"x": rng.standard_normal((2, 6)).astype(np.float32), "at": np.array(1)}
    want, got = Oracle(before).run(x), Oracle(program).run(x)
    assert [*want] == [*got]
    for name, expected in want.items():
        np.testing.assert_array_equal(got[name], expected)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "q = SplitToSequence<axis = 1>(x, i4) a = SequenceAt(q, i0) b = SequenceAt(q, last)"
            " c = ReduceSum(a) y = Add(c, b)",
            ["q_0, q_1 = Split(x, q_sizes)", "c = ReduceSum(q_0)", "y = Add(c, q_1)"],
        ),
        (
            "q = SplitToSequence<axis = -1>(x, parts) a = SequenceAt(q, i1) y = Relu(a)",
            ["q_0, q_1, q_2 = Split(x, q_sizes)", "y = Relu(q_1)"],
        ),
        (
            "q = SplitToSequence<axis = 0, keepdims = 0>(x) a = SequenceAt(q, i1) y = Relu(a)",
            ["q_0, q_1 = Split(x, q_sizes)", "q_1_squeezed = Squeeze(q_1, q_axis)",
             "y = Relu(q_1_squeezed)"],
        ),
        (
            "a = Neg(x) q = SequenceConstruct(x, a) b = SequenceAt(q, last) y = Relu(b)",
            ["a = Neg(x)", "y = Relu(a)"],
        ),
        (
            "a = Neg(x) q = SequenceConstruct(x, a) y = ConcatFromSequence<axis = 1>(q)",
            ["a = Neg(x)", "y = Concat(x, a)"],
        ),
        (
            "q = SequenceConstruct(x, x) y = ConcatFromSequence<axis = -1, new_axis = 1>(q)",
            ["x_raised = Unsqueeze(x, y_axis)", "x_raised_1 = Unsqueeze(x, y_axis)",
             "y = Concat(x_raised, x_raised_1)"],
        ),
    ],
)  # fmt: skip
def test_parts_are_handed_on_directly(parse, body, text, lines):
    program, before, log = run_on(parse, text, parts=np.array([1, 2, 3]))
    assert {a.rule for a in log.applied} - {"drop_dead"} == {"fold_sequences"}
    assert body(program) == lines
    same(before, program)
    assert run(program, RULES).applied == ()


def test_the_same_part_may_leave_twice(parse):
    text = X.replace("(y)", "(y, z)") + (
        "q = SplitToSequence<axis = 1>(x, i3) y = SequenceAt(q, i1) z = SequenceAt(q, i1) }"
    )
    program = parse(text, **INTS)
    before = graph.clone(program)
    assert len(run(program, [FoldSequences()]).applied) == 1
    same(before, program)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("q = SplitToSequence<axis = 1>(x, i4) n = SequenceLength(q) y = Add(n, at)",
         "its parts are read as a sequence by SequenceLength"),
        ("q = SplitToSequence<axis = 1>(x, at) a = SequenceAt(q, i0) y = Relu(a)",
         "how many parts there are is only known at run time"),
        ("q = SplitToSequence<axis = 1>(x, i3) a = SequenceAt(q, at) y = Relu(a)",
         "which part is read is only known at run time"),
        ("q = SequenceConstruct(x, x) y = SequenceAt(q, i0)",
         "it joins the input x to the output y"),
    ],
)  # fmt: skip
def test_it_says_why_it_stays(parse, text, reason):
    _, _, log = run_on(parse, text)
    assert log.applied == ()
    assert [s.reason for s in log.skipped] == [reason]


@pytest.mark.parametrize(
    "text",
    [
        "q = SequenceConstruct(x, x) a = SequenceAt(q, at) y = Relu(a)",
        "e = SequenceEmpty() q = SequenceInsert(e, x) a = SequenceAt(q, i0) y = Relu(a)",
        "q = SplitToSequence<axis = 1>(x, i4) y = Identity(x)",
    ],
)
def test_where_it_has_no_say(parse, text):
    log = run(parse(X + text + " }", **INTS), [FoldSequences()])
    assert (log.applied, log.skipped) == ((), ())


def test_an_old_split_has_no_such_input(parse):
    _, _, log = run_on(
        parse, "q = SplitToSequence<axis = 1>(x, i4) a = SequenceAt(q, i0) y = Relu(a)", 12
    )
    assert log.applied == ()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 7), st.sampled_from([0, 1, -1, -2]), st.lists(st.integers(0, 9), min_size=1))
def test_any_part_of_any_split(step, axis, picks):
    count = -(-(2, 6)[axis] // step)
    reads = " ".join(f"p{k} = SequenceAt(q, k{k})" for k in range(len(picks)))
    names = ", ".join(f"p{k}" for k in range(len(picks)))
    text = f"{X} q = SplitToSequence<axis = {axis}>(x, step) {reads} y = Concat<axis = {axis}>("
    weights = {f"k{k}": np.array(n % count) for k, n in enumerate(picks)}
    head = '<ir_version: 8, opset_import: ["" : 18]>'
    program = graph.parse(f"{head} {text}{names}) }}", {**weights, "step": np.array(step)})
    graph.infer_shapes(program)
    before = graph.clone(program)
    assert len(run(program, [FoldSequences()]).applied) == 1
    same(before, program)
