from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.graph import clone
from mcompile.oracle import Oracle
from mcompile.passes.drop_dead import DropDead
from mcompile.passes.drop_neutrals import DropNeutrals
from mcompile.rules import run

RULES = [DropNeutrals(), DropDead()]
ONE, ZERO = np.float32(1), np.float32(0)
INF = np.float32(np.inf)
ODD = np.float32([[np.nan, np.inf, -np.inf], [-0.0, 0.0, 1e-45]])
CONSTANTS = {
    "one": ONE,
    "ones": np.ones((1, 3), np.float32),
    "wide": np.ones((4, 1, 1), np.float32),
    "zero": ZERO,
    "minus": np.float32(-0.0),
    "low": -INF,
    "high": INF,
    "least": np.float32(np.finfo(np.float32).min),
    "izero": np.array(0),
    "imin": np.array(np.iinfo(np.int64).min),
    "yes": np.array(True),
    "no": np.array([False]),
    "almost": np.float32([[1, 1, 1.0000001]]),
}


def parse(line, kind="float", opset=17, inner="Identity"):
    text = f'<ir_version: 8, opset_import: ["" : {opset}]>'
    text += f"g ({kind}[2,3] x) => (y) {{ a = {inner}(x) b = {line} y = Identity(b) }}"
    program = graph.parse(text, CONSTANTS)
    graph.infer_shapes(program)
    return program


@pytest.mark.parametrize(
    "line",
    [
        "Mul(a, one)",
        "Mul(ones, a)",
        "Div(a, ones)",
        "Pow(a, one)",
        "Sub(a, zero)",
        "Add(a, minus)",
        "Add(minus, a)",
        "Clip(a, low, high)",
    ],
)
def test_what_leaves_every_number_as_it_is_goes(line, body):
    program = parse(line)
    before = clone(program)
    log = run(program, [DropNeutrals()])
    assert [a.rule for a in log.applied] == ["drop_neutrals"]
    assert body(program) == ["a = Identity(x)", "y = Identity(a)"]
    want, got = (Oracle(p).run({"x": ODD})["y"] for p in (before, program))
    np.testing.assert_array_equal(got.view(np.int32), want.view(np.int32))
    assert run(program, [DropNeutrals()]).applied == ()


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("int64", "Add(a, izero)"),
        ("int64", "Clip(a)"),
        ("int64", "Clip(a, imin)"),
        ("bool", "And(a, yes)"),
        ("bool", "Or(no, a)"),
        ("bool", "Xor(a, no)"),
    ],
)
def test_integers_and_booleans_too(kind, line, body, far):
    program = parse(line, kind)
    before = clone(program)
    assert len(run(program, [DropNeutrals()]).applied) == 1
    assert body(program) == ["a = Identity(x)", "y = Identity(a)"]
    assert far(before, program) == 0.0


@pytest.mark.parametrize(
    "line",
    [
        "Mul(a, almost)",
        "Mul(a, wide)",
        "Mul(a, zero)",
        "Div(one, a)",
        "Sub(zero, a)",
        "Pow(one, a)",
        "Clip(a, least, high)",
        "Clip(a, low)",
        "Mul(one, ones)",
    ],
)
def test_what_changes_a_number_or_the_shape_stays(line):
    log = run(parse(line), [DropNeutrals()])
    assert (log.applied, log.skipped) == ((), ())


def test_a_bound_that_is_an_input_is_not_known():
    text = '<ir_version: 8, opset_import: ["" : 17]>'
    text += "g (float[2] x, float lo) => (float[2] y) { a = Neg(x) b = Clip(a, lo) y = Abs(b) }"
    assert run(graph.parse(text), [DropNeutrals()]).applied == ()


def test_a_clip_of_the_first_opsets_has_its_bounds_in_attributes():
    log = run(parse("Clip<min = -1.0, max = 1.0>(a)", opset=10), [DropNeutrals()])
    assert (log.applied, log.skipped) == ((), ())


def test_an_input_of_unknown_rank_takes_a_scalar_only(parse):
    text = "g (float[2] x, int64[k] s) => (y) {{ a = Reshape(x, s) b = Mul(a, {}) y = Abs(b) }}"
    assert len(run(parse(text.format("one"), one=ONE), [DropNeutrals()]).applied) == 1
    ones = np.ones(1, np.float32)
    assert run(parse(text.format("one"), one=ones), [DropNeutrals()]).applied == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Add(a, zero) c = Reciprocal(b)", "it makes 0 of -0, which Reciprocal tells apart"),
        ("Sub(a, minus) c = Div(x, b)", "it makes 0 of -0, which Div tells apart"),
        ("Clip(a)", "without bounds it limits infinities to the largest number"),
        ("Mul(x, one)", "it joins the input x to the output y"),
    ],
)
def test_it_says_why_it_stays(line, reason):
    program = parse(line)
    if "output" in reason:
        text = '<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y)'
        program = graph.parse(f"{text} {{ y = {line} }}", {"one": ONE})
    log = run(program, [DropNeutrals()])
    assert log.applied == ()
    assert [s.reason for s in log.skipped] == [reason]


@pytest.mark.parametrize("line", ["Add(a, zero)", "Sub(a, minus)"])
def test_a_zero_goes_where_nothing_tells_its_sign(line, body):
    program = parse(line)
    run(program, [DropNeutrals()])
    assert body(program) == ["a = Identity(x)", "y = Identity(a)"]


@pytest.mark.parametrize("fill", ["Expand(one, t)", "ConstantOfShape<value = float[1] {1}>(t)"])
def test_a_fill_of_any_size_is_a_constant_too(parse, body, far, fill):
    text = f"""g (float[n,3] x) => (y) {{
        s = Shape(x) b = Gather(s, i) t = Concat<axis = 0>(b, k) f = {fill} g = Mul(f, f)
        a = Abs(x) m = Mul(g, a) y = Neg(m)
    }}"""
    program = parse(text, one=ONE, i=np.array([0]), k=np.array([3]))
    before = clone(program)
    assert ("drop_neutrals", "m") in {(a.rule, a.node) for a in run(program, RULES).applied}
    assert body(program)[-2:] == ["a = Abs(x)", "y = Neg(a)"]
    assert far(before, program) == 0.0


def test_a_fill_that_may_enlarge_stays(parse):
    text = "g (float[n,3] x, int64[2] t) => (y) { f = Expand(one, t) a = Abs(x) y = Mul(f, a) }"
    assert run(parse(text, one=ONE), [DropNeutrals()]).applied == ()


def test_a_wrong_one_would_be_seen(far):
    program = parse("Mul(a, ones)")
    run(program, [DropNeutrals()])
    assert far(parse("Mul(a, ones)"), program) == 0.0
    assert far(parse("Mul(a, almost)"), program) > 1e-8


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from(["Mul", "Div", "Pow", "Sub", "Add"]),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, np.inf]),
    st.sampled_from([(), (1,), (3,), (2, 1), (1, 1, 1)]),
    st.booleans(),
)
def test_to_the_bit_whatever_the_constant_and_its_shape(op, number, shape, first):
    text = '<ir_version: 8, opset_import: ["" : 17]> g (float[2,3] x) => (y)'
    line = f"{op}(c, a)" if first else f"{op}(a, c)"
    program = graph.parse(
        f"{text} {{ a = Identity(x) b = {line} y = Identity(b) }}",
        {"c": np.full(shape, number, np.float32)},
    )
    graph.infer_shapes(program)
    before = clone(program)
    run(program, [DropNeutrals()])
    want, got = (Oracle(p).run({"x": ODD})["y"] for p in (before, program))
    assert got.shape == want.shape
    same = (got.view(np.int32) == want.view(np.int32)) | (np.isnan(got) & np.isnan(want))
    assert (same | ((got == 0) & (want == 0) if op in {"Add", "Sub"} else False)).all()
