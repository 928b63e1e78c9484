from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fold_reciprocal import FoldReciprocal
from mcompile.rules import run

TOLERANCE = 5e-7
"""Of the largest output: two float32 roundings."""
ROOT = "p = Mul(x, x) m = ReduceMean<axes = [-1]>(p) e = Add(m, tiny) r = Sqrt(e) "
SPELLINGS = {
    "reciprocal": ROOT + "i = Reciprocal(r) y = Mul(a, i)",
    "reciprocal first": ROOT + "i = Reciprocal(r) y = Mul(i, a)",
    "one over": ROOT + "i = Div(one, r) y = Mul(a, i)",
    "one over, first": ROOT + "i = Div(one, r) y = Mul(i, a)",
}


def norm(text, kind="float", shape="n,3,4", head="(y)"):
    return f"g ({kind}[{shape}] x) => {head} {{ a = Neg(x) {text} }}"


def numbers(dtype=np.float32):
    return {"tiny": dtype(1e-5), "one": dtype(1), "two": dtype(2)}


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_becomes_a_quotient(parse, body, far, name):
    program = parse(norm(SPELLINGS[name]), **numbers())
    before = graph.clone(program)
    log = run(program, [FoldReciprocal()])
    assert [(a.rule, a.node) for a in log.applied] == [("fold_reciprocal", "y")]
    assert body(program)[-2:] == ["r = Sqrt(e)", "y = Div(a, r)"]
    assert far(before, program) < TOLERANCE
    assert run(program, [FoldReciprocal()]).applied == ()


def test_an_inner_value_keeps_its_name(parse, body):
    text = norm(SPELLINGS["reciprocal"].replace("y =", "o =") + " y = Relu(o)")
    program = parse(text, **numbers())
    run(program, [FoldReciprocal()])
    assert body(program)[-2:] == ["o = Div(a, r)", "y = Relu(o)"]


def test_another_root_would_be_seen(parse, far):
    program = parse(norm(SPELLINGS["reciprocal"]), **numbers())
    before = graph.clone(program)
    run(program, [FoldReciprocal()])
    other = graph.clone(program)
    quotient = list(other.graph.graph)[-1]
    quotient.replace_input_with(
        1, next(v for v in graph.values(other.graph.graph) if v.name == "e")
    )
    assert far(before, program) < TOLERANCE < 1e-3 < far(before, other)


@pytest.mark.parametrize(("kind", "tolerance"), [("float16", 3e-3), ("double", 1e-15)])
def test_other_precisions_are_folded(parse, far, kind, tolerance):
    dtype = {"float16": np.float16, "double": np.float64}[kind]
    program = parse(norm(SPELLINGS["one over"], kind), **numbers(dtype))
    before = graph.clone(program)
    assert len(run(program, [FoldReciprocal()]).applied) == 1
    assert far(before, program) < tolerance


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SPELLINGS["reciprocal"] + " z = Relu(i)", "i has other readers"),
        (SPELLINGS["one over"].replace("i =", "z =").replace(", i)", ", z)"), "z is an output"),
        (ROOT + "i = Reciprocal(r) y = Mul(i, i) z = Relu(x)", "i has other readers"),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    program = parse(norm(text, head="(y, z)"), **numbers())
    before = body(program)
    log = run(program, [FoldReciprocal()])
    assert [(s.rule, s.reason) for s in log.skipped] == [("fold_reciprocal", reason)]
    assert log.applied == ()
    assert body(program) == before


def test_what_a_branch_takes_from_outside_stays(parse):
    program = parse(
        f"""g (float[2,3,4] x, bool c) => (y) {{
            {ROOT} i = Reciprocal(r)
            y = If (c) <
                then_branch = t () => (u) {{ u = Mul(x, i) }},
                else_branch = f () => (v) {{ v = Relu(x) }}
            >
        }}""",
        **numbers(),
    )
    log = run(program, [FoldReciprocal()])
    assert [s.reason for s in log.skipped] == ["i is computed outside of this branch"]


@pytest.mark.parametrize(
    "text",
    [
        ROOT + "i = Reciprocal(e) y = Mul(a, i)",
        ROOT + "i = Div(two, r) y = Mul(a, i)",
        ROOT + "i = Div(r, one) y = Mul(a, i)",
        ROOT + "i = Div(ones, r) y = Mul(a, i)",
        ROOT + "i = Reciprocal(r) y = Mul(two, i)",
        ROOT + "i = Reciprocal(r) y = Add(a, i)",
    ],
)
def test_what_is_no_reciprocal_of_a_root_stays(parse, text):
    ones = np.ones((1, 1, 1, 1), np.float32)
    log = run(parse(norm(text), **numbers(), ones=ones), [FoldReciprocal()])
    assert (log.applied, log.skipped) == ((), ())


def test_a_product_of_the_first_opsets_is_left_alone(parse):
    log = run(parse(norm(SPELLINGS["reciprocal"]), opset=6, **numbers()), [FoldReciprocal()])
    assert (log.applied, log.skipped) == ((), ())


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.sampled_from(sorted(SPELLINGS)),
    st.integers(0, 1 << 16),
)
def test_any_shape_computes_the_same_after(shape, name, seed):
    head = '<ir_version: 8, opset_import: ["" : 17]>'
    text = norm(SPELLINGS[name], shape=",".join(map(str, shape)))
    program = graph.parse(head + text, numbers())
    graph.infer_shapes(program)
    before = graph.clone(program)
    assert len(run(program, [FoldReciprocal()]).applied) == 1
    x = {"x": np.random.default_rng(seed).standard_normal(shape, np.float32)}
    want, got = Oracle(before).run(x)["y"], Oracle(program).run(x)["y"]
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)
