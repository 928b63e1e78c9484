from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.graph import clone
from mcompile.oracle import Oracle
from mcompile.passes.drop_choices import DropChoices
from mcompile.rules import run

YES, NO = np.ones((1, 3), bool), np.zeros(1, bool)
TEXT = """g (float[n,3] x, float[n,3] z) => (float[n,3] y) {{
    a = Neg(x) b = Abs(z) c = Where({}) y = Exp(c)
}}"""


@pytest.mark.parametrize(
    ("inputs", "kept"),
    [("yes, a, b", "a"), ("no, a, b", "b"), ("yes, a, seven", "a"), ("no, seven, b", "b")],
)
def test_a_known_choice_is_made(parse, body, far, inputs, kept):
    program = parse(TEXT.format(inputs), yes=YES, no=NO, seven=np.float32(7))
    before = clone(program)
    log = run(program, [DropChoices()])
    assert [a.rule for a in log.applied] == ["drop_choices"]
    assert body(program)[-1] == f"y = Exp({kept})"
    assert len(body(program)) == 2 + ("seven" in inputs)
    assert far(before, program) == 0.0
    assert run(program, [DropChoices()]).applied == ()


def test_a_choice_between_the_same_is_none(parse, body, far):
    program = parse(
        "g (float[n,3] x, bool[n,3] q) => (float[n,3] y) { a = Neg(x) c = Where(q, a, a)"
        " y = Exp(c) }"
    )
    before = clone(program)
    run(program, [DropChoices()])
    assert body(program) == ["a = Neg(x)", "y = Exp(a)"]
    assert far(before, program) == 0.0


def test_the_wrong_choice_would_be_seen(parse, far):
    one, other = (parse(TEXT.format("yes, a, b"), yes=c) for c in (YES, np.zeros((1, 3), bool)))
    run(one, [DropChoices()])
    assert far(other, one) > 1e-3


@pytest.mark.parametrize("inputs", ["mixed, a, b", "none, e, e1", "no, a, seven", "q, a, b"])
def test_what_is_not_known_stays(parse, inputs):
    program = parse(
        f"""g (float[n,3] x, float[n,3] z, bool[n,3] q, float[0] e, float[0] e1) => (y) {{
            a = Neg(x) b = Abs(z) c = Where({inputs}) y = Exp(c)
        }}""",
        mixed=np.array([True, False, True]),
        none=np.empty(0, bool),
        no=NO,
        seven=np.float32(7),
    )
    log = run(program, [DropChoices()])
    assert (log.applied, log.skipped) == ((), ())


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ("yes, s, a", "s may be enlarged by what it is not chosen from"),
        ("wide, a, b", "a may be enlarged by what it is not chosen from"),
        ("yes, x, s", ""),
        ("yes, z, u", "z may be enlarged by what it is not chosen from"),
    ],
)
def test_it_says_why_it_stays(parse, inputs, reason):
    program = parse(
        f"""g (float[n,3] x, float[n,3] z, float[1,3] r, float[?,3] u) => (y) {{
            s = Neg(r) a = Neg(x) b = Abs(z) c = Where({inputs}) y = Exp(c)
        }}""",
        yes=YES,
        wide=np.ones((2, 1, 3), bool),
    )
    log = run(program, [DropChoices()])
    assert [s.reason for s in log.skipped] == ([reason] if reason else [])
    assert len(log.applied) == (not reason)


def test_an_output_is_not_joined_to_an_input(parse):
    text = "g (float[3] x, float[3] z) => (float[3] y) { y = Where(yes, x, z) }"
    log = run(parse(text, yes=np.ones(3, bool)), [DropChoices()])
    assert [s.reason for s in log.skipped] == ["it joins the input x to the output y"]


SHAPES = st.lists(st.sampled_from([1, 3]), max_size=3)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.booleans(), SHAPES, SHAPES, SHAPES)
def test_shapes_are_kept_whatever_they_are(choice, condition, one, other):
    program = graph.parse(
        f"""<ir_version: 8, opset_import: ["" : 17]> g (float{one} x, float{other} z) => (y) {{
            a = Neg(x) b = Abs(z) c = Where(q, a, b) y = Identity(c)
        }}""".replace("float[]", "float"),
        {"q": np.full(condition, choice)},
    )
    graph.infer_shapes(program)
    before = clone(program)
    run(program, [DropChoices()])
    rng = np.random.default_rng(0)
    feeds = {n: rng.standard_normal(s).astype(np.float32) for n, s in (("x", one), ("z", other))}
    want, got = (Oracle(p).run(feeds)["y"] for p in (before, program))
    assert got.shape == want.shape
    np.testing.assert_array_equal(got, want)
