from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.push_nan_guard import PushNanGuard
from mcompile.rules import run

TOLERANCE = 1e-6
"""Of the largest output: the products are the same, row by row."""
GUARD = "s = Softmax<axis = -1>(a) t = IsNaN(s) g = Where(t, zero, s) y = MatMul(g, v)"
ZERO = {"zero": np.float32(0)}


def attention(text, scores="2,3,4,5", values="2,3,5,6", kind="float", head="(y)"):
    return f"g ({kind}[{scores}] x, {kind}[{values}] v) => {head} {{ a = Neg(x) {text} }}"


def test_the_guard_moves_behind_the_product(parse, body, far):
    program = parse(attention(GUARD), **ZERO)
    before = graph.clone(program)
    log = run(program, [PushNanGuard()])
    assert [(a.rule, a.node) for a in log.applied] == [("push_nan_guard", "y")]
    assert body(program) == [
        "a = Neg(x)",
        "s = Softmax(a)",
        "y_sum = ReduceSum(s, last_axis)",
        "y_nan = IsNaN(y_sum)",
        "y_raw = MatMul(s, v)",
        "y = Where(y_nan, zero, y_raw)",
    ]
    assert far(before, program) < TOLERANCE
    assert run(program, [PushNanGuard()]).applied == ()


@pytest.mark.parametrize("hole", [-np.inf, np.inf, np.nan])
def test_a_row_without_keys_is_zero_as_before(parse, hole):
    program = parse(attention(GUARD), **ZERO)
    before = graph.clone(program)
    run(program, [PushNanGuard()])
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 4, 5)).astype(np.float32)
    x[0, 1, 2], x[1, 0, 0, 0] = -hole, -hole
    feeds = {"x": x, "v": rng.standard_normal((2, 3, 5, 6)).astype(np.float32)}
    want, got = Oracle(before).run(feeds)["y"], Oracle(program).run(feeds)["y"]
    assert not want[0, 1, 2].any()
    np.testing.assert_array_equal(got, want)


def test_another_value_in_the_place_of_zero_would_be_seen(parse):
    program = parse(attention(GUARD), **ZERO)
    run(program, [PushNanGuard()])
    value = program.graph.graph.initializers["zero"]
    value.const_value = ir.tensor(np.float32(1e-3), name="zero")
    x = np.full((2, 3, 4, 5), np.inf, np.float32)
    feeds = {"x": x, "v": np.ones((2, 3, 5, 6), np.float32)}
    assert Oracle(program).run(feeds)["y"].all()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GUARD + " z = Relu(g)", "g has other readers"),
        (GUARD.replace("g =", "z =").replace("(g,", "(z,"), "z is an output"),
        (GUARD + " z = Not(t)", "t has other readers"),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    program = parse(attention(text, head="(y, z)"), **ZERO)
    before = body(program)
    log = run(program, [PushNanGuard()])
    assert [(s.rule, s.reason) for s in log.skipped] == [("push_nan_guard", reason)]
    assert log.applied == ()
    assert body(program) == before


def test_what_a_branch_takes_from_outside_stays(parse):
    program = parse(
        f"""g (float[2,3,4,5] a, float[2,3,5,6] v, bool c) => (y) {{
            {GUARD.replace("y = MatMul(g, v)", "")}
            y = If (c) <
                then_branch = t1 () => (p) {{ p = MatMul(g, v) }},
                else_branch = f1 () => (q) {{ q = MatMul(a, v) }}
            >
        }}""",
        **ZERO,
    )
    log = run(program, [PushNanGuard()])
    assert [s.reason for s in log.skipped] == ["g is computed outside of this branch"]


@pytest.mark.parametrize(
    "text",
    [
        GUARD.replace("zero", "one"),
        GUARD.replace("zero, s)", "s, zero)"),
        GUARD.replace("Where(t, zero", "Where(t, row"),
        GUARD.replace("IsNaN(s)", "IsNaN(a)"),
        GUARD.replace("-1", "2"),
        GUARD.replace("Softmax<axis = -1>", "Sigmoid"),
        GUARD.replace("MatMul(g, v)", "MatMul(g, column)"),
        GUARD.replace("MatMul(g, v)", "MatMul(wide, g)"),
        GUARD.replace("MatMul(g, v)", "Add(g, wide)"),
    ],
)
def test_what_is_no_guard_stays(parse, text):
    more = {"one": np.float32(1), "row": np.zeros(5, np.float32)}
    more |= {"column": np.ones(5, np.float32), "wide": np.ones((2, 3, 4, 4), np.float32)}
    log = run(parse(attention(text), **ZERO, **more), [PushNanGuard()])
    assert (log.applied, log.skipped) == ((), ())


@pytest.mark.parametrize("keys", ["m", "0"])
def test_rows_that_may_be_empty_keep_their_guard(parse, keys):
    program = parse(attention(GUARD, f"2,3,4,{keys}", f"2,3,{keys},6"), **ZERO)
    log = run(program, [PushNanGuard()])
    assert [s.reason for s in log.skipped] == ["s may have empty rows"]
    assert log.applied == ()


def test_a_softmax_of_the_first_opsets_stays(parse):
    log = run(parse(attention(GUARD), opset=12, **ZERO), [PushNanGuard()])
    assert (log.applied, log.skipped) == ((), ())


def test_the_last_axis_may_be_counted_from_the_front(parse, far):
    program = parse(attention(GUARD.replace("-1", "3")), **ZERO)
    before = graph.clone(program)
    assert len(run(program, [PushNanGuard()]).applied) == 1
    assert far(before, program) < TOLERANCE


def test_an_inner_value_keeps_its_name(parse, body):
    program = parse(attention(GUARD.replace("y =", "o =") + " y = Relu(o)"), **ZERO)
    run(program, [PushNanGuard()])
    assert body(program)[-2:] == ["o = Where(o_nan, zero, o_raw)", "y = Relu(o)"]


@pytest.mark.parametrize(("kind", "tolerance"), [("float16", 2e-3), ("double", 1e-14)])
def test_other_precisions_are_pushed(parse, far, kind, tolerance):
    zero = {"float16": np.float16(0), "double": np.float64(0)}[kind]
    program = parse(attention(GUARD, kind=kind), zero=zero)
    before = graph.clone(program)
    assert len(run(program, [PushNanGuard()]).applied) == 1
    assert far(before, program) < tolerance


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(1, 3), max_size=2),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(0, 1 << 16),
)
def test_any_sizes_and_masks_compute_the_same_after(batch, rows, keys, columns, seed):
    head = '<ir_version: 8, opset_import: ["" : 18]>'
    free = ",".join(f"d{k}" for k in range(len(batch)))
    join = "," if free else ""
    text = attention(GUARD, f"{free}{join}n,{keys}", f"{free}{join}{keys},{columns}")
    program = graph.parse(head + text, ZERO)
    graph.infer_shapes(program)
    before = graph.clone(program)
    assert len(run(program, [PushNanGuard()]).applied) == 1
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((*batch, rows, keys), np.float32)
    x[rng.random(x.shape) < 0.6] = np.inf
    feeds = {"x": x, "v": rng.standard_normal((*batch, keys, columns), np.float32)}
    want, got = Oracle(before).run(feeds)["y"], Oracle(program).run(feeds)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5)
