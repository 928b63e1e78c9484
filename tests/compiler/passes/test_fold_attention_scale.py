from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fold_attention_scale import FoldAttentionScale
from mcompile.rules import run

TOLERANCE = 2e-6
"""Of the largest output: float32 sums of a few products."""
QUERY = "q = MatMul(x, wq) p = Add(q, bq) r = Reshape(p, heads) t = Transpose<perm = [0,2,1,3]>(r) "
KEY = "k = MatMul(x, wk) i = Reshape(k, heads) j = Transpose<perm = [0,2,3,1]>(i) "
SCORES = "s = MatMul(t, j) c = Mul(s, f) y = Softmax(c)"
FRONT = "u = Mul(t, f) s = MatMul(u, j) y = Softmax(s)"
MERGED = "m = MatMul(x, wm) e = Add(m, bm) "


def attention(text, kind="float", sizes="n,4,6", head="(y)", inputs=""):
    return f"g ({kind}[{sizes}] x{inputs}) => {head} {{ {text} }}"


def weights(dtype=np.float32, factor=0.577, seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"wq": (6, 6), "wk": (6, 6), "bq": 6, "wm": (6, 18), "bm": 18, "wg": (6, 6)}
    made = {n: rng.standard_normal(s).astype(dtype) for n, s in shapes.items()}
    return made | {"f": np.asarray(factor, dtype), "heads": np.array([0, 0, 2, 3])}


def check(program, far, times=1, tolerance=TOLERANCE):
    before = graph.clone(program)
    log = run(program, [FoldAttentionScale()])
    assert [a.rule for a in log.applied] == ["fold_attention_scale"] * times
    assert log.skipped == ()
    assert far(before, program) < tolerance
    assert run(program, [FoldAttentionScale()]).applied == ()
    return before


def test_the_scale_of_the_scores_goes_into_the_queries(parse, body, far):
    program = parse(attention(QUERY + KEY + SCORES), **weights())
    check(program, far)
    assert body(program) == [
        "q = MatMul(x, wq_folded)",
        "p = Add(q, wq_bias)",
        "r = Reshape(p, heads)",
        "t = Transpose(r)",
        "k = MatMul(x, wk)",
        "i = Reshape(k, heads)",
        "j = Transpose(i)",
        "s = MatMul(t, j)",
        "y = Softmax(s)",
    ]
    assert list(program.graph.graph.initializers) == ["wk", "heads", "wq_folded", "wq_bias"]


SPELLINGS = {
    "queries": QUERY + KEY + FRONT,
    "divided": QUERY + KEY + SCORES.replace("= Mul", "= Div"),
    "factor first": QUERY + KEY + SCORES.replace("Mul(s, f)", "Mul(f, s)"),
    "before the transpose": QUERY.replace("Transpose<perm = [0,2,1,3]>(r)", "Transpose<perm = "
    "[0,2,1,3]>(o)").replace("t =", "o = Mul(r, f) t =") + KEY + "s = MatMul(t, j) y = Softmax(s)",
    "masked": QUERY + KEY + "s = MatMul(t, j) c = Mul(s, f) d = Add(c, bq4) y = Softmax(d)",
    "keys": "t = Reshape(x, heads) l = Transpose<perm = [0,2,1,3]>(t) "
    + KEY + SCORES.replace("t,", "l,"),
    "Gemm": "z = Reshape(x, flat) q = Gemm<alpha = 0.5, beta = 2.0, transB = 1>(z, wg, bq) "
    "r = Reshape(q, split) t = Transpose<perm = [0,2,1,3]>(r) " + KEY + SCORES,
    "Conv": "o = Unsqueeze(x, one) h = Transpose<perm = [0,3,1,2]>(o) q = Conv(h, w4, bq) "
    "r = Reshape(q, rows) t = Transpose<perm = [0,1,3,2]>(r) " + KEY + SCORES,
    "Split": MERGED + "a, b, d = Split<axis = -1>(e, sizes) r = Reshape(a, heads) "
    "t = Transpose<perm = [0,2,1,3]>(r) i = Reshape(b, heads) j = Transpose<perm = [0,2,3,1]>(i) "
    "l = Mul(j, f) s = MatMul(t, l) w = Softmax(s) v = Reshape(d, heads) "
    "z = Transpose<perm = [0,2,1,3]>(v) y = MatMul(w, z)",
    "Gather": MERGED + "h = Reshape(e, five) o = Transpose<perm = [2,0,3,1,4]>(h) "
    "t = Gather<axis = 0>(o, i0) i = Gather<axis = 0>(o, i1) v = Gather<axis = 0>(o, last) "
    "j = Transpose<perm = [0,1,3,2]>(i) u = Mul(t, f) s = MatMul(u, j) w = Softmax(s) "
    "y = MatMul(w, v)",
}  # fmt: skip
MORE = {
    "bq4": np.float32([[1, 2, 3, 4]]),
    "flat": np.array([-1, 6]),
    "split": np.array([-1, 4, 2, 3]),
    "one": np.array([1]),
    "rows": np.array([0, 2, 3, 4]),
    "sizes": np.array([6, 6, 6]),
    "five": np.array([0, 0, 3, 2, 3]),
    "i0": np.array(0),
    "i1": np.array(1),
    "last": np.array(-1),
    "w4": np.random.default_rng(4).standard_normal((6, 6, 1, 1)).astype(np.float32),
}


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("first", ["n", "2"])
def test_every_spelling_is_folded(parse, far, name, first):
    program = parse(attention(SPELLINGS[name], sizes=f"{first},4,6"), **weights(), **MORE)
    check(program, far)


def test_the_roots_on_both_sides_go_each_into_its_own_weights(parse, body, far):
    text = QUERY + KEY + "a = Mul(t, f) b = Mul(j, f) s = MatMul(a, b) y = Softmax(s)"
    program = parse(attention(text), **weights())
    check(program, far, times=2)
    assert "q = MatMul(x, wq_folded)" in body(program)
    assert "k = MatMul(x, wk_folded)" in body(program)


@pytest.mark.parametrize("name", ["Split", "Gather"])
def test_only_its_own_columns_of_merged_weights_are_scaled(parse, far, name):
    program = parse(attention(SPELLINGS[name]), **weights(factor=0.5), **MORE)
    check(program, far)
    old, new = weights()["wm"], graph.array(program.graph.graph.initializers["wm_folded"])
    scale = np.ones(18)
    scale[6:12] = 0.5 if name == "Split" else 1
    scale[:6] = 1 if name == "Split" else 0.5
    np.testing.assert_array_equal(new, old * scale.astype(np.float32))


@pytest.mark.parametrize("text", [QUERY + KEY + SCORES, QUERY + KEY + FRONT])
def test_each_head_may_have_its_own_scale(parse, far, text):
    factor = np.float32([0.5, -2]).reshape(1, 2, 1, 1)
    program = parse(attention(text), **weights(factor=factor))
    check(program, far)
    new = graph.array(program.graph.graph.initializers["wq_folded"])
    np.testing.assert_array_equal(new, weights()["wq"] * np.float32([0.5] * 3 + [-2] * 3))


@pytest.mark.parametrize("shape", [(4, 1), (1, 4), (2, 4, 1)])
def test_a_scale_per_row_or_key_is_none_of_the_weights(parse, shape):
    factor = np.arange(1, 1 + np.prod(shape), dtype=np.float32).reshape(shape)
    program = parse(attention(QUERY + KEY + SCORES), **weights(factor=factor))
    log = run(program, [FoldAttentionScale()])
    assert (log.applied, log.skipped) == ((), ())


def test_one_wrong_weight_would_be_seen(parse, far):
    program = parse(attention(QUERY + KEY + SCORES), **weights())
    before = check(program, far)
    for name in ("wq_folded", "wq_bias"):
        changed = graph.clone(program)
        value = changed.graph.graph.initializers[name]
        wrong = np.array(graph.array(value))
        wrong.flat[0] += 1e-2
        value.const_value = ir.tensor(wrong, name=name)
        assert far(before, changed) > 10 * TOLERANCE


@pytest.mark.parametrize(("kind", "tolerance"), [("float16", 5e-3), ("double", 1e-14)])
def test_other_precisions_are_folded(parse, far, kind, tolerance):
    dtype = {"float16": np.float16, "double": np.float64}[kind]
    program = parse(attention(QUERY + KEY + SCORES, kind), **weights(dtype))
    check(program, far, tolerance=tolerance)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (QUERY + KEY + FRONT + " z = Relu(t)", "t has other readers"),
        (QUERY + KEY + FRONT + " z = Relu(r)", "r has other readers"),
        (QUERY + KEY + FRONT + " z = Relu(p)", "p has other readers"),
        (QUERY.replace("r =", "z =").replace("(r)", "(z)") + KEY + FRONT, "z is an output"),
        (QUERY + KEY + FRONT + " z = MatMul(x, wq)", "the weights wq have other readers"),
        (
            QUERY + KEY + FRONT.replace("f)", "huge)") + " z = Relu(x)",
            "the scaled weights do not fit their type",
        ),
        (
            SPELLINGS["Gather"] + " z = Gather<axis = 1>(o, i0)",
            "o has other readers",
        ),
        (
            SPELLINGS["Gather"] + " z = Gather<axis = 0>(o, i0)",
            "o has other readers",
        ),
        (
            QUERY + "s = MatMul(t, x5) c = Mul(s, f) z = Softmax(c) y = Relu(s)",
            "s has other readers",
        ),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    source = attention(text, head="(y, z)", inputs=", float[1,2,3,4] x5")
    program = parse(source, **weights(), **MORE, huge=np.float32(3e38))
    before = body(program)
    log = run(program, [FoldAttentionScale()])
    assert [(s.rule, s.reason) for s in log.skipped] == [("fold_attention_scale", reason)]
    assert log.applied == ()
    assert body(program) == before


@pytest.mark.parametrize(
    "text",
    [
        QUERY + "y = Mul(t, f)",
        QUERY + "u = Mul(t, f) y = MatMul(u, w33)",
        QUERY + KEY + FRONT.replace("Mul(t, f)", "Add(t, f)"),
        QUERY + KEY + SCORES.replace("f)", "g)"),
        QUERY + KEY + SCORES.replace("Mul(s, f)", "Div(f, s)"),
        QUERY + KEY + "s = MatMul(t, j) c = Mul(s, f) y = Relu(c)",
        QUERY.replace("r = Reshape(p", "o = Relu(p) r = Reshape(o")
        + "k = Reshape(x, heads) j = Transpose<perm = [0,2,3,1]>(k) " + SCORES,
        QUERY.replace("wq", "w3") + "j = Reshape(x, rows) " + SCORES,
        "w = MatMul(x, wk) " + QUERY.replace("MatMul(x", "MatMul(w") + "j = Reshape(x, rows) "
        + SCORES,
    ],
)  # fmt: skip
def test_what_is_no_scale_of_scores_stays(parse, text):
    source = attention(text, inputs=", float g, float[6,6] w3")
    program = parse(source, **weights(), **MORE, w33=np.ones((3, 3), np.float32))
    log = run(program, [FoldAttentionScale()])
    assert (log.applied, log.skipped) == ((), ())


def test_a_scale_inside_of_a_branch_does_not_reach_out(parse):
    program = parse(
        f"""g (float[2,4,6] x, bool d) => (y) {{
            {QUERY} {KEY}
            y = If (d) <
                then_branch = a () => (b) {{ u = Mul(t, f) s = MatMul(u, j) b = Softmax(s) }},
                else_branch = c () => (e) {{ s2 = MatMul(t, j) e = Relu(s2) }}
            >
        }}""",
        **weights(),
    )
    log = run(program, [FoldAttentionScale()])
    assert [s.reason for s in log.skipped] == ["t is computed outside of this branch"]


MERGED_HEADS = (
    "m = MatMul(x, w) e = Add(m, b) h = Reshape(e, five) o = Transpose<perm = [2,0,3,1,4]>(h) "
    "q3, k3, v3 = Split<axis = 0>(o, ones) q = Squeeze(q3, zero) l = Squeeze(k3, zero) "
)
OWN_HEADS = (
    "m = MatMul(x, wq) h = Reshape(m, four) q = Transpose<perm = [0,2,1,3]>(h) "
    "n = MatMul(x, wk) o = Reshape(n, four) l = Transpose<perm = [0,2,1,3]>(o) "
)
PLACES = {
    "q": "u = Mul(q, f) k = Transpose<perm = [0,1,3,2]>(l) s = MatMul(u, k) y = Softmax(s)",
    "k": "u = Mul(l, f) k = Transpose<perm = [0,1,3,2]>(u) s = MatMul(q, k) y = Softmax(s)",
    "s": "k = Transpose<perm = [0,1,3,2]>(l) s = MatMul(q, k) u = Div(s, f) y = Softmax(u)",
}


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 4)),
    st.sampled_from(sorted(PLACES)),
    st.booleans(),
    st.integers(0, 1 << 16),
)
def test_any_heads_and_sizes_compute_the_same_after(sizes, place, merged, seed):
    (batch, length, heads, size), rng = sizes, np.random.default_rng(seed)
    width = heads * size
    shapes = {"w": (5, 3 * width), "b": 3 * width, "wq": (5, width), "wk": (5, width)}
    known = {n: rng.standard_normal(s).astype(np.float32) for n, s in shapes.items()}
    known["f"] = rng.uniform(0.5, 2, () if merged else (heads, 1, 1)).astype(np.float32)
    known |= {"five": np.array([0, 0, 3, heads, size]), "four": np.array([0, 0, heads, size])}
    known |= {"ones": np.array([1, 1, 1]), "zero": np.array([0])}
    text = (MERGED_HEADS if merged else OWN_HEADS) + PLACES[place]
    head = '<ir_version: 8, opset_import: ["" : 17]>'
    program = graph.parse(head + f"g (float[n,{length},5] x) => (y) {{ {text} }}", known)
    graph.infer_shapes(program)
    before = graph.clone(program)
    assert len(run(program, [FoldAttentionScale()]).applied) == 1
    x = {"x": rng.standard_normal((batch, length, 5)).astype(np.float32)}
    want, got = Oracle(before).run(x)["y"], Oracle(program).run(x)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=3e-5)
