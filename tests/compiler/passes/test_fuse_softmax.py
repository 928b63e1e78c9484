from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fuse_softmax import FuseSoftmax
from mcompile.rules import run

TOLERANCE = 1e-6
"""Of the largest output: one exponential and one sum of a few float32 numbers."""

DIV = "m = ReduceMax(a, k) d = Sub(a, m) e = Exp(d) s = ReduceSum(e, k) y = Div(e, s)"
SPELLINGS = {
    "div": DIV,
    "reciprocal": DIV.replace("y = Div(e, s)", "i = Reciprocal(s) y = Mul(e, i)"),
    "reciprocal first": DIV.replace("y = Div(e, s)", "i = Reciprocal(s) y = Mul(i, e)"),
    "axis from both ends": DIV.replace("ReduceSum(e, k)", "ReduceSum(e, l)"),
}
AXIS = {"k": np.array([1]), "l": np.array([-2])}


def softmax(spelling, kind="float", shape="n,4,6"):
    return f"g ({kind}[{shape}] x) => (y) {{ a = Neg(x) {spelling} }}"


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_becomes_one_op(parse, body, far, name):
    program = parse(softmax(SPELLINGS[name]), opset=18, **AXIS)
    before = graph.clone(program)
    log = run(program, [FuseSoftmax()])
    assert [(a.rule, a.node) for a in log.applied] == [("fuse_softmax", "y")]
    assert body(program) == ["a = Neg(x)", "y = Softmax(a)"]
    assert graph.integer(program.graph.graph[1], "axis", 0) == -2
    assert list(program.graph.graph.initializers) == []
    assert far(before, program) < TOLERANCE
    assert run(program, [FuseSoftmax()]).applied == ()


def test_axes_were_attributes_before(parse, body, far):
    text = softmax(DIV.replace("ReduceMax(a, k)", "ReduceMax<axes = [1]>(a)"))
    program = parse(text, opset=13, **AXIS)
    before = graph.clone(program)
    run(program, [FuseSoftmax()])
    assert body(program) == ["a = Neg(x)", "y = Softmax(a)"]
    assert far(before, program) < TOLERANCE
    text = text.replace("ReduceSum(e, k)", "ReduceSum<axes = [1]>(e)")
    log = run(parse(text, opset=12), [FuseSoftmax()])
    assert [s.reason for s in log.skipped] == [
        "Softmax is over one axis since opset 13, this is 12"
    ]


@pytest.mark.parametrize(
    "text",
    [
        DIV.replace("ReduceSum(e, k)", "ReduceSum(e, other)"),
        DIV.replace("k)", "both)"),
        DIV.replace("ReduceMax(a, k)", "ReduceMax(x, k)"),
        DIV.replace("ReduceMax(", "ReduceMin("),
        DIV.replace("ReduceSum(e, k)", "ReduceSum(d, k)"),
        DIV.replace("Sub(a, m)", "Sub(m, a)"),
        DIV.replace("Div(e, s)", "Div(s, e)"),
        "e = Exp(a) s = ReduceSum(e, k) y = Div(e, s)",
        DIV.replace("Reduce", "Reduce").replace("ReduceMax(", "ReduceMax<keepdims = 0>("),
    ],
)
def test_what_is_no_softmax_stays(parse, text):
    more = {"other": np.array([2]), "both": np.array([1, 2])}
    shape = "4,4,4" if "keepdims" in text else "n,4,6"
    log = run(parse(softmax(text, shape=shape), opset=18, **AXIS, **more), [FuseSoftmax()])
    assert (log.applied, log.skipped) == ((), ())


def test_another_axis_would_be_seen(parse, far):
    one = parse(softmax(DIV), opset=18, **AXIS)
    other = parse(softmax(DIV), opset=18, k=np.array([2]))
    run(one, [FuseSoftmax()])
    assert far(other, one) > 10 * TOLERANCE


def test_an_axis_given_at_run_time_is_not_known(parse):
    text = softmax(DIV).replace("x)", "x, int64[1] k)", 1)
    log = run(parse(text, opset=18), [FuseSoftmax()])
    assert (log.applied, log.skipped) == ((), ())


@pytest.mark.parametrize(("kind", "tolerance"), [("float16", 2e-3), ("double", 1e-14)])
def test_other_precisions_are_fused(parse, far, kind, tolerance):
    program = parse(softmax(DIV, kind), opset=18, **AXIS)
    before = graph.clone(program)
    assert len(run(program, [FuseSoftmax()]).applied) == 1
    assert far(before, program) < tolerance


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DIV + " z = Relu(e)", "e has other readers"),
        (DIV.replace("s =", "z =").replace(" s)", " z)"), "z is an output"),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    program = parse(softmax(text).replace("(y)", "(y, z)"), opset=18, **AXIS)
    before = body(program)
    log = run(program, [FuseSoftmax()])
    assert [(s.rule, s.reason) for s in log.skipped] == [("fuse_softmax", reason)]
    assert log.applied == ()
    assert body(program) == before


def test_what_a_branch_takes_from_outside_stays(parse):
    program = parse(
        f"""g (float[2,4,6] x, bool c) => (y) {{
            a = Neg(x) {DIV.replace("y = Div(e, s)", "")}
            y = If (c) <
                then_branch = t () => (p) {{ p = Div(e, s) }},
                else_branch = f () => (q) {{ q = Relu(a) }}
            >
        }}""",
        opset=18,
        **AXIS,
    )
    log = run(program, [FuseSoftmax()])
    assert [s.reason for s in log.skipped] == ["s is computed outside of this branch"]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.integers(-4, 3),
    st.sampled_from(["div", "reciprocal"]),
    st.integers(0, 1 << 16),
)
def test_any_shape_and_axis_compute_the_same_after(shape, axis, name, seed):
    axis = axis % len(shape) - (len(shape) if axis < 0 else 0)
    head = '<ir_version: 8, opset_import: ["" : 18]>'
    text = head + softmax(SPELLINGS[name], shape=",".join(map(str, shape)))
    program = graph.parse(text, {"k": np.array([axis])})
    graph.infer_shapes(program)
    before = graph.clone(program)
    assert len(run(program, [FuseSoftmax()]).applied) == 1
    x = {"x": 20 * np.random.default_rng(seed).standard_normal(shape, np.float32)}
    want, got = Oracle(before).run(x)["y"], Oracle(program).run(x)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=TOLERANCE)
