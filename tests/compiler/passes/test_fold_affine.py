from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fold_affine import FoldAffine
from mcompile.reference import random_feeds
from mcompile.rules import run

TOLERANCE = 5e-6
"""Of the largest output: float32 sums of up to a few hundred products."""


def weights(*shape, seed=1, dtype=np.float32):
    return np.random.default_rng(seed).uniform(0.5, 2, shape).astype(dtype)


W = weights(4, 3, 3, 3)
AFTER = "g (float[2,3,6,6] x) => (y) { c = Conv(x, w) m = Mul(c, s) y = Add(m, t) }"


def test_a_conv_takes_factor_and_shift_in(parse, body, far):
    program = parse(AFTER, w=W, s=weights(4, 1, 1, seed=2), t=weights(1, 4, 1, 1, seed=3))
    before = graph.clone(program)
    log = run(program, [FoldAffine()])
    assert [(a.rule, a.node) for a in log.applied] == [("fold_affine", "m"), ("fold_affine", "y")]
    assert body(program) == ["y = Conv(x, w_folded, w_bias)"]
    assert list(program.graph.graph.initializers) == ["w_folded", "w_bias"]
    assert far(before, program) < TOLERANCE
    assert run(program, [FoldAffine()]).applied == ()


@pytest.mark.parametrize("name", ["w_folded", "w_bias"])
def test_one_wrong_weight_would_be_seen(parse, far, name):
    program = parse(AFTER, w=W, s=weights(4, 1, 1, seed=2), t=weights(1, 4, 1, 1, seed=3))
    before = graph.clone(program)
    run(program, [FoldAffine()])
    value = program.graph.graph.initializers[name]
    wrong = np.array(graph.array(value))
    wrong.flat[0] += 1e-1
    value.const_value = ir.tensor(wrong, name=name)
    assert far(before, program) > 10 * TOLERANCE


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("Conv(x, w, b)", (6, 4, 3, 3)),
        ("Conv<group = 2, pads = [1, 1, 1, 1]>(x, w, b)", (6, 2, 3, 3)),
        ("ConvTranspose(x, w, b)", (4, 6, 3, 3)),
        ("ConvTranspose<group = 2, strides = [2, 2]>(x, w)", (4, 3, 3, 3)),
    ],
)
@pytest.mark.parametrize("op", ["Mul(c, s)", "Div(c, s)", "Sub(c, s)", "Sub(s, c)", "Add(s, c)"])
@pytest.mark.parametrize("size", [(6, 1, 1), (), (1, 1, 1, 1)])
def test_every_op_behind_every_convolution(parse, far, layer, shape, op, size):
    program = parse(
        f"g (float[2,4,7,7] x) => (float[n,6,h,v] y) {{ c = {layer} y = {op} }}",
        w=weights(*shape),
        b=weights(6, seed=2),
        s=weights(*size, seed=3),
    )
    before = graph.clone(program)
    assert len(run(program, [FoldAffine()]).applied) == 1
    assert len(list(program.graph.graph)) == 1
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize(
    ("layer", "shape", "bias"),
    [
        ("Gemm(x, w, b)", (5, 3), (3,)),
        ("Gemm<transB = 1>(x, w, b)", (3, 5), (1, 3)),
        ("Gemm<alpha = 0.5, beta = 2.0>(x, w, b)", (5, 3), ()),
        ("Gemm<beta = 0.0>(x, w, b)", (5, 3), (3,)),
        ("Gemm<beta = 3.0>(x, w)", (5, 3), (3,)),
        ("Gemm(x, w, b)", (5, 3), (2, 1)),
    ],
)
@pytest.mark.parametrize("side", ["c = LAYER m = Mul(c, s) y = Sub(m, t)", "front"])
def test_a_gemm_takes_them_in_on_either_side(parse, far, layer, shape, bias, side):
    size = 3
    if side == "front":
        side, size = "n = Abs(x) m = Div(n, s) k = Sub(t, m) y = LAYER", 5
        layer = layer.replace("(x", "(k")
    program = parse(
        f"g (float[2,5] x) => (float[2,3] y) {{ {side.replace('LAYER', layer)} }}",
        w=weights(*shape),
        b=weights(*bias, seed=2),
        s=weights(size, seed=3),
        t=weights(1, size, seed=4),
    )
    before = graph.clone(program)
    assert len(run(program, [FoldAffine()]).applied) == 2
    assert [n.op_type for n in program.graph.graph if n.op_type != "Abs"] == ["Gemm"]
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("y = Mul(a, s)", ["y = MatMul(x, w_folded)"]),
        ("y = Add(a, t)", ["a = MatMul(x, w)", "y = Add(a, t)"]),
        ("y = Sub(a, t)", ["a = MatMul(x, w)", "y = Add(a, w_bias)"]),
        ("c = Add(t, a) y = Mul(c, s)", ["a = MatMul(x, w_folded)", "y = Add(w_bias, a)"]),
        ("c = Add(a, t) y = Add(c, s)", ["a = MatMul(x, w)", "y = Add(a, w_bias)"]),
    ],
)
def test_the_bias_of_a_matmul_stays_an_add(parse, body, far, text, left):
    program = parse(
        f"g (float[2,7,5] x) => (float[2,7,3] y) {{ a = MatMul(x, w) {text} }}",
        w=weights(5, 3),
        s=weights(3, seed=2),
        t=weights(1, 1, 3, seed=3),
    )
    before = graph.clone(program)
    run(program, [FoldAffine()])
    assert body(program) == left
    assert far(before, program) < TOLERANCE
    assert run(program, [FoldAffine()]).applied == ()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("r = Relu(x) m = Mul(r, s) c = Conv<pads = [1, 1, 1, 1]>(m, w)", "Conv(r, w_folded)"),
        ("r = Relu(x) m = Mul(r, s) a = Add(m, s) c = Conv(a, w)", "Conv(r, w_folded, w_bias)"),
        ("r = Relu(x) m = Div(r, s) c = ConvTranspose(m, wt, b)", "ConvTranspose(r, wt_folded, b)"),
        ("r = Relu(x) m = Mul(r, s) c = Conv<group = 3>(m, wg)", "Conv(r, wg_folded)"),
    ],
)
def test_a_factor_in_front_of_a_convolution_goes_into_it(parse, body, far, text, left):
    program = parse(
        f"g (float[2,3,6,6] x) => (float[n,k,h,v] y) {{ {text} y = Relu(c) }}",
        w=W,
        wt=weights(3, 4, 3, 3),
        wg=weights(6, 1, 2, 2),
        b=weights(4),
        s=weights(3, 1, 1, seed=2),
    )
    before = graph.clone(program)
    run(program, [FoldAffine()])
    assert body(program) == ["r = Relu(x)", f"c = {left}", "y = Relu(c)"]
    assert far(before, program) < TOLERANCE


def test_a_matmul_takes_a_shift_in_where_it_has_a_bias(parse, body, far):
    program = parse(
        """g (float[2,7,3] x) => (float[2,7,4] y) {
            r = Relu(x) m = Mul(r, s) a = Add(m, s) c = MatMul(a, w) y = Add(c, b)
        }""",
        w=weights(3, 4),
        s=weights(3, seed=2),
        b=weights(4, seed=3),
    )
    before = graph.clone(program)
    run(program, [FoldAffine()])
    assert body(program) == ["r = Relu(x)", "c = MatMul(r, w_folded)", "y = Add(c, w_bias)"]
    assert far(before, program) < TOLERANCE


def test_between_two_layers_the_first_takes_it(parse, body, far):
    program = parse(
        "g (float[2,3,6,6] x) => (y) { c = Conv(x, w) m = Mul(c, s) y = Conv(m, v) }",
        w=W,
        v=weights(2, 4, 1, 1),
        s=weights(4, 1, 1),
    )
    before = graph.clone(program)
    run(program, [FoldAffine()])
    assert body(program) == ["c = Conv(x, w_folded)", "y = Conv(c, v)"]
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("c = Conv(x, w) y = Mul(c, s) z = Relu(c)", "c has other readers"),
        ("z = Conv(x, w) y = Mul(z, s)", "z is an output"),
        ("c = Conv(x, v) y = Mul(c, s) z = Relu(x)", None),
        ("c = Conv(x, w, u) y = Mul(c, s) z = Relu(x)", "u is not a constant"),
        ("c = Conv(x, w) y = Mul(c, s) z = Conv(x, w)", "the weights w have other readers"),
        ("c = Conv(x, w) y = Div(c, zero) z = Relu(x)", "the scaled weights do not fit their type"),
        ("c = Conv(x, w) y = Mul(c, tiny) z = Relu(x)", "the scaled weights do not fit their type"),
        ("c = Conv(x, w) y = Mul(c, field) z = Relu(x)", None),
        ("c = Conv(x, w) y = Mul(c, five) z = Relu(x)", None),
        ("c = Conv(x, w) y = Mul(c, u) z = Relu(x)", None),
        ("c = Conv(x, w) y = Div(s, c) z = Relu(x)", None),
        (
            "a = Add(x, half) y = Conv<pads = [1, 1, 1, 1]>(a, w) z = Relu(x)",
            "the layer pads with zeros, which are not shifted",
        ),
        (
            'a = Add(x, half) y = Conv<auto_pad = "SAME_UPPER">(a, w) z = Relu(x)',
            "the layer pads with zeros, which are not shifted",
        ),
        (
            "a = Sub(x, half) y = ConvTranspose(a, w3) z = Relu(x)",
            "the layer pads with zeros, which are not shifted",
        ),
        (
            "a = Add(x, half) y = MatMul(a, w2) z = Relu(x)",
            "the MatMul has no bias that would take the shift in",
        ),
        (
            "q = Erf(x) g = Mul(x, q) a = Mul(g, half) y = Conv(a, w) z = Relu(x)",
            "it may be the end of a norm or an activation",
        ),
        ("c = Conv(x, w) a = Add(c, half) y = Clip(a) z = Relu(x)", None),
        ("a = Mul(x, half) y = Conv(a, w) z = Relu(a)", None),
        ("a = Mul(x, half) y = Gemm<transA = 1>(k, w2) z = Relu(a)", None),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    program = parse(
        f"g (float[2,3,6,6] x, float[4,3,3,3] v, float[4] u, float[6,2] k) => (y, z) {{ {text} }}",
        w=W,
        w2=weights(6, 4),
        w3=weights(3, 4, 3, 3),
        s=weights(4, 1, 1),
        five=weights(1, 1, 1, 1, 1),
        field=weights(4, 4),
        half=np.float32(0.5),
        zero=np.float32(0),
        tiny=np.float32(1e-38),
    )
    before = body(program)
    log = run(program, [FoldAffine()])
    assert [s.reason for s in log.skipped] == ([reason] if reason else [])
    assert log.applied == ()
    assert body(program) == before


def test_a_column_that_would_widen_the_result_is_no_factor_of_it(parse):
    program = parse(
        "g (float[2,5] x) => (float[2,3] y) { c = MatMul(x, w) y = Mul(c, s) }",
        w=weights(5, 1),
        s=weights(3),
    )
    assert run(program, [FoldAffine()]).applied == ()


def test_a_constant_of_more_axes_than_the_result_may_have_stays(parse):
    program = parse(
        "g (float[5] x) => (float[1,3] y) { c = MatMul(x, w) y = Mul(c, s) }",
        w=weights(5, 3),
        s=weights(1, 3),
    )
    assert run(program, [FoldAffine()]).applied == ()


def test_a_factor_that_a_branch_applies_to_an_outer_conv_stays(parse):
    program = parse(
        """g (float[1,3,6,6] x, bool k) => (y) {
            c = Conv(x, w)
            y = If (k) <
                then_branch = t () => (p) { p = Mul(c, s) },
                else_branch = e () => (q) { q = Relu(x) }
            >
        }""",
        w=W,
        s=np.float32(2),
    )
    log = run(program, [FoldAffine()])
    assert [s.reason for s in log.skipped] == ["c is computed outside of this branch"]


def test_inside_of_a_branch_it_is_folded(parse, far):
    program = parse(
        """g (float[1,3,6,6] x, bool k) => (float[1,4,4,4] y) {
            y = If (k) <
                then_branch = t () => (float[1,4,4,4] p) { c = Conv(x, w) p = Mul(c, s) },
                else_branch = e () => (float[1,4,4,4] q) { d = Conv(x, v) q = Relu(d) }
            >
        }""",
        w=W,
        v=W + 1,
        s=np.float32(2),
    )
    before = graph.clone(program)
    assert [a.node for a in run(program, [FoldAffine()]).applied] == ["p"]
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize(("dtype", "near"), [("float16", 5e-3), ("double", 1e-14)])
def test_other_widths_are_folded_as_they_are(parse, far, dtype, near):
    kind = {"float16": np.float16, "double": np.float64}[dtype]
    program = parse(
        f"""g ({dtype}[2,5] x) => ({dtype}[2,3] y) {{
            c = MatMul(x, w) d = Add(c, t) m = Mul(d, s) y = Sub(m, t)
        }}""",
        w=weights(5, 3, dtype=kind),
        s=weights(3, dtype=kind),
        t=weights(3, dtype=kind),
    )
    before = graph.clone(program)
    assert len(run(program, [FoldAffine()]).applied) == 2
    assert far(before, program) < near


def test_other_domains_are_no_business_of_this_rule():
    text = """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
    g (float[2,3,6,6] x) => (y) { c = own.Conv(x, w) y = Mul(c, s) }"""
    program = graph.parse(text, {"w": W, "s": np.float32(2)})
    log = run(program, [FoldAffine()])
    assert (log.applied, log.skipped) == ((), ())


@st.composite
def chains(draw):
    """Factors and shifts before and behind a layer, scalar or per channel, with gaps between."""
    layer = draw(st.sampled_from(["Conv", "Conv<pads = [1, 1, 1, 1]>", "Conv<group = 3>"]))
    bias = ", b" if draw(st.booleans()) else ""
    lines, last = ["v0 = Relu(x)"], "v0"
    place = draw(st.integers(0, 5))
    for k in range(1, 7):
        op = draw(st.sampled_from(["Mul", "Div", "Add", "Sub"]))
        other = draw(st.sampled_from(["scalar", "channel"]))
        pair = [last, other] if op == "Div" or draw(st.booleans()) else [other, last]
        lines.append(f"v{k} = {op}({', '.join(pair)})")
        last = f"v{k}"
        if k == place + 1:
            lines.append(f"c = {layer}({last}, {'g' if 'group' in layer else 'w'}{bias})")
            last = "c"
    return f"g (float[1,3,5,5] x) => (float[1,3,h,v] y) {{ {' '.join(lines)} y = Abs({last}) }}"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(chains())
def test_any_chain_computes_the_same_after(text):
    given_weights = {
        "w": weights(3, 3, 3, 3),
        "g": weights(3, 1, 3, 3, seed=2),
        "b": weights(3, seed=3),
        "scalar": np.float32(0.75),
        "channel": weights(1, 3, 1, 1, seed=4),
    }
    program = graph.parse('<ir_version: 8, opset_import: ["" : 15]>' + text, given_weights)
    before = graph.clone(program)
    run(program, [FoldAffine()])
    assert [n.op_type for n in program.graph.graph][-2:] == ["Conv", "Abs"]
    feeds = random_feeds(before, 0)
    want, got = Oracle(before).run(feeds)["y"], Oracle(program).run(feeds)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=2e-5 * float(np.abs(want).max() + 1))


WIDENING = [
    ("float[4,1] x", "float[4,3] y", "a = Mul(x, s) y = MatMul(a, w)", (5,), (5, 3)),
    ("float[4,1] x", "float[4,3] y", "a = Mul(x, s) y = Gemm(a, w)", (5,), (5, 3)),
    (
        "float[2,1,5,5] x",
        "float[2,4,3,3] y",
        "a = Mul(x, s) y = Conv(a, w)",
        (1, 3, 1, 1),
        (4, 3, 3, 3),
    ),
    (
        "float[2,1,5,5] x",
        "float[2,4,3,3] y",
        "a = Add(x, s) y = Conv(a, w)",
        (1, 3, 1, 1),
        (4, 3, 3, 3),
    ),
    (
        "float[3,5,5] x",
        "float[1,4,3,3] y",
        "a = Mul(x, s) y = Conv(a, w)",
        (1, 1, 1, 1),
        (4, 3, 3, 3),
    ),
    ("float[5] x", "float[1,3] y", "a = Mul(x, s) y = Gemm(a, w)", (1, 5), (5, 3)),
    ("float[4,5] x", "float[1,4,3] y", "a = Mul(x, s) y = MatMul(a, w)", (1, 1, 5), (5, 3)),
]


@pytest.mark.parametrize(("given", "made", "body", "scale", "weight"), WIDENING)
def test_an_op_that_widens_what_it_reads_stays(given, made, body, scale, weight):
    """Its output is broadcast; the layer would be given the smaller value in front of it."""
    rng = np.random.default_rng(0)
    program = graph.parse(
        f'<ir_version: 8, opset_import: ["": 17]> g ({given}) => ({made}) {{ {body} }}',
        {"s": rng.random(scale, np.float32), "w": rng.random(weight, np.float32)},
    )
    graph.infer_shapes(program)
    feeds = {"x": rng.random(program.inputs[0].shape, np.float32)}
    want = Oracle(program).run(feeds)["y"]
    log = run(program, [FoldAffine()])
    assert log.applied == ()
    assert [s.reason for s in log.skipped] == [
        "it may widen what it reads: the layer would be given something smaller"
    ]
    np.testing.assert_array_equal(Oracle(program).run(feeds)["y"], want)
