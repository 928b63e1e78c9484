from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.graph import clone
from mcompile.oracle import Oracle
from mcompile.passes.drop_repeats import DropRepeats
from mcompile.rules import run

ODD = np.float32([np.nan, np.inf, -np.inf, -0.0, 0.0, -2.5, 2.5, 0.5])


@pytest.mark.parametrize("op", ["Relu", "Abs", "Floor", "Ceil", "Round", "Sign"])
def test_what_settles_is_done_once(parse, body, op):
    program = parse(f"g (float[8] x) => (float[8] y) {{ a = {op}(x) b = {op}(a) y = Exp(b) }}")
    before = clone(program)
    log = run(program, [DropRepeats()])
    assert [a.rule for a in log.applied] == ["drop_repeats"]
    assert body(program) == [f"a = {op}(x)", "y = Exp(a)"]
    want, got = (Oracle(p).run({"x": ODD})["y"] for p in (before, program))
    np.testing.assert_array_equal(got, want)
    assert run(program, [DropRepeats()]).applied == ()


@pytest.mark.parametrize(("op", "kind"), [("Neg", "float"), ("Not", "bool"), ("Neg", "int32")])
def test_what_undoes_itself_goes(parse, body, far, op, kind):
    program = parse(
        f"g ({kind}[8] x) => ({kind}[8] y) {{ c = Identity(x) a = {op}(c) b = {op}(a)"
        " y = Identity(b) }"
    )
    before = clone(program)
    run(program, [DropRepeats()])
    assert body(program) == ["c = Identity(x)", "y = Identity(c)"]
    assert far(before, program) == 0.0


def test_zeros_and_nan_keep_their_sign(parse):
    program = parse(
        "g (float[8] x) => (float[8] y) { c = Identity(x) a = Neg(c) b = Neg(a) y = Identity(b) }"
    )
    before = clone(program)
    run(program, [DropRepeats()])
    want, got = (Oracle(p).run({"x": ODD})["y"] for p in (before, program))
    np.testing.assert_array_equal(got.view(np.int32), want.view(np.int32))


def test_a_clip_by_the_same_bounds_is_done_once(parse, body, far):
    text = "g (float[8] x) => (float[8] y) {{ a = Clip(x, lo, hi) b = Clip(a, lo, {}) y = Exp(b) }}"
    bounds = {"lo": np.float32(-1), "hi": np.float32(1), "more": np.float32(0.5)}
    program = parse(text.format("hi"), **bounds)
    before = clone(program)
    run(program, [DropRepeats()])
    assert body(program) == ["a = Clip(x, lo, hi)", "y = Exp(a)"]
    assert far(before, program) == 0.0
    other = parse(text.format("more"), **bounds)
    assert run(other, [DropRepeats()]).applied == ()
    wrong = clone(before)
    wrong.graph.graph.node(1).replace_input_with(2, wrong.graph.graph.initializers["more"])
    assert far(wrong, program) > 1e-3


def test_bounds_in_attributes_are_compared(parse):
    text = """g (float[8] x) => (float[8] y) {{
        a = Clip<min = 0.0, max = 6.0>(x) b = Clip<min = 0.0, max = {}>(a) y = Exp(b)
    }}"""
    assert len(run(parse(text.format("6.0"), opset=10), [DropRepeats()]).applied) == 1
    assert run(parse(text.format("5.0"), opset=10), [DropRepeats()]).applied == ()


def test_the_inner_one_stays_where_it_is_read(parse, body, far):
    program = parse(
        "g (float[8] x) => (float[8] y, float[8] a) { a = Neg(x) b = Neg(a) c = Abs(b)"
        " y = Add(c, a) }"
    )
    before = clone(program)
    run(program, [DropRepeats()])
    assert body(program) == ["a = Neg(x)", "c = Abs(x)", "y = Add(c, a)"]
    assert far(before, program) == 0.0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{ a = Neg(x) y = Neg(a) z = Abs(a) }", "it joins the input x to the output y"),
        ("{ z = Relu(x) y = Relu(z) }", "y and z are both outputs"),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    program = parse(f"g (float[8] x) => (float[8] y, float[8] z) {text}")
    before = body(program)
    log = run(program, [DropRepeats()])
    assert [s.reason for s in log.skipped] == [reason]
    assert body(program) == before


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(["Relu", "Abs", "Neg", "Floor", "Sign"]), max_size=8))
def test_chains_compute_the_same(ops):
    names = [f"v{k}" for k in range(len(ops) + 1)]
    lines = [f"{names[k + 1]} = {op}({names[k]})" for k, op in enumerate(ops)]
    program = graph.parse(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[8] x) => (float[8] y)'
        f" {{ v0 = Identity(x) {' '.join(lines)} y = Identity({names[-1]}) }}"
    )
    before = clone(program)
    run(program, [DropRepeats()])
    found = [n.op_type for n in program.graph.graph]
    assert not any(a == b for a, b in pairwise(found[1:-1]))
    want, got = (Oracle(p).run({"x": ODD})["y"] for p in (before, program))
    np.testing.assert_array_equal(got, want)
