from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fuse_hardsigmoid import FuseHardsigmoid
from mcompile.rules import run

TOLERANCE = 1e-6
"""Of the largest output: three float32 roundings."""

LINE = "t = Add(a, three) c = Clip(t, zero, six) y = Div(c, six)"
SPELLINGS = {
    "div": LINE,
    "three first": LINE.replace("(a, three)", "(three, a)"),
    "times a sixth": LINE.replace("Div(c, six)", "Mul(c, sixth)"),
    "a sixth times": LINE.replace("Div(c, six)", "Mul(sixth, c)"),
}


def numbers(dtype=np.float32):
    known = {"three": 3, "zero": 0, "six": 6, "sixth": 1 / 6}
    return {name: dtype(value) for name, value in known.items()}


def line(spelling, kind="float"):
    return f"g ({kind}[n,6] x) => ({kind}[n,6] y) {{ a = Neg(x) {spelling} }}"


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_becomes_one_op(parse, body, far, name):
    program = parse(line(SPELLINGS[name]), **numbers())
    before = graph.clone(program)
    log = run(program, [FuseHardsigmoid()])
    assert [(a.rule, a.node) for a in log.applied] == [("fuse_hardsigmoid", "y")]
    assert body(program) == ["a = Neg(x)", "y = HardSigmoid(a)"]
    assert list(program.graph.graph.initializers) == []
    assert far(before, program) < TOLERANCE
    assert run(program, [FuseHardsigmoid()]).applied == ()


def test_the_clip_of_the_first_opsets_has_its_limits_as_attributes(parse, body, far):
    text = line(LINE.replace("Clip(t, zero, six)", "Clip<min = 0.0, max = 6.0>(t)"))
    program = parse(text, opset=10, **numbers())
    before = graph.clone(program)
    run(program, [FuseHardsigmoid()])
    assert body(program) == ["a = Neg(x)", "y = HardSigmoid(a)"]
    assert far(before, program) < TOLERANCE


WRONG = [("three", 3.01), ("zero", 2.5), ("six", 3.5), ("sixth", 0.17)]


@pytest.mark.parametrize(("constant", "value"), WRONG)
def test_one_wrong_number_makes_it_something_else(parse, far, constant, value):
    text = line(SPELLINGS["times a sixth"])
    wrong = parse(text, **numbers() | {constant: np.float32(value)})
    log = run(wrong, [FuseHardsigmoid()])
    assert (log.applied, log.skipped) == ((), ())
    right = parse(text, **numbers())
    run(right, [FuseHardsigmoid()])
    assert far(wrong, right) > 10 * TOLERANCE


@pytest.mark.parametrize("missing", ["Clip(t)", "Clip(t, zero)", "Clip(t, , six)"])
def test_a_clip_without_a_limit_is_another_line(parse, missing):
    program = parse(line(LINE.replace("Clip(t, zero, six)", missing)), **numbers())
    log = run(program, [FuseHardsigmoid()])
    assert (log.applied, log.skipped) == ((), ())


def test_whole_numbers_divide_otherwise(parse):
    program = parse(line(LINE, "int32"), **numbers(np.int32))
    log = run(program, [FuseHardsigmoid()])
    assert (log.applied, log.skipped) == ((), ())


def test_six_divided_by_it_is_another_op(parse):
    program = parse(line(LINE.replace("Div(c, six)", "Div(six, c)")), **numbers())
    log = run(program, [FuseHardsigmoid()])
    assert (log.applied, log.skipped) == ((), ())


def test_half_precision_is_fused(parse, far):
    program = parse(line(SPELLINGS["times a sixth"], "float16"), **numbers(np.float16))
    before = graph.clone(program)
    assert len(run(program, [FuseHardsigmoid()]).applied) == 1
    assert far(before, program) < 2e-3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LINE + " z = Relu(c)", "c has other readers"),
        (LINE.replace("t =", "z =").replace("(t,", "(z,"), "z is an output"),
        (
            LINE.replace("three)", "threes)") + " z = Relu(x)",
            "threes may have more dimensions than a",
        ),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    high = {"threes": np.full((1, 1, 1), 3, np.float32)}
    program = parse(f"g (float[n,6] x) => (y, z) {{ a = Neg(x) {text} }}", **numbers(), **high)
    before = body(program)
    log = run(program, [FuseHardsigmoid()])
    assert [(s.rule, s.reason) for s in log.skipped] == [("fuse_hardsigmoid", reason)]
    assert log.applied == ()
    assert body(program) == before


def test_a_double_stays(parse):
    log = run(parse(line(LINE, "double"), **numbers(np.float64)), [FuseHardsigmoid()])
    assert [s.reason for s in log.skipped] == [
        "HardSigmoid holds its numbers as float32, and this is float64"
    ]


def test_a_branch_is_fused_and_what_it_takes_from_outside_stays(parse):
    text = """g (float[6] x, bool k) => (y) {{
        a = Neg(x) {outside}
        y = If (k) <
            then_branch = t () => (p) {{ {inside} p = Div(c, six) }},
            else_branch = e () => (q) {{ q = Relu(a) }}
        >
    }}"""
    clip = "t = Add(a, three) c = Clip(t, zero, six)"
    log = run(parse(text.format(outside="", inside=clip), **numbers()), [FuseHardsigmoid()])
    assert [a.node for a in log.applied] == ["p"]
    log = run(parse(text.format(outside=clip, inside=""), **numbers()), [FuseHardsigmoid()])
    assert [s.reason for s in log.skipped] == ["c is computed outside of this branch"]


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    st.sampled_from(sorted(SPELLINGS)),
    st.lists(st.integers(1, 4), max_size=4),
    st.integers(13, 21),
    st.integers(0, 1 << 16),
)
def test_any_shape_and_opset_computes_the_same_after(name, shape, opset, seed):
    head = f'<ir_version: 8, opset_import: ["" : {opset}]>'
    text = line(SPELLINGS[name]).replace("[n,6]", f"[{','.join(map(str, shape))}]" if shape else "")
    program = graph.parse(head + text, numbers())
    graph.infer_shapes(program)
    before = graph.clone(program)
    assert len(run(program, [FuseHardsigmoid()]).applied) == 1
    x = {"x": np.asarray(4 * np.random.default_rng(seed).standard_normal(shape), np.float32)}
    want, got = Oracle(before).run(x)["y"], Oracle(program).run(x)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=TOLERANCE)
