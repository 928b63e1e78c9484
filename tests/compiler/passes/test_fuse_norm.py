from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fuse_norm import FuseNorm
from mcompile.rules import run

TOLERANCE = 2e-6
"""Of the largest output: float32 means of a few numbers, and the division by their root."""

OFF = "m = ReduceMean(a, last) d = Sub(a, m) "
POWER = "p = Pow(d, two) v = ReduceMean(p, last) e = Add(v, eps) s = Sqrt(e) "
AFFINE = "n = Mul(q, g) y = Add(n, b)"
LAYER = OFF + POWER + "q = Div(d, s) " + AFFINE
RMS = (POWER + "q = Div(d, s) y = Mul(q, g)").replace("(d,", "(a,")
SPELLINGS = {
    "pow, sqrt, div": LAYER,
    "mul": LAYER.replace("Pow(d, two)", "Mul(d, d)"),
    "eps first": LAYER.replace("Add(v, eps)", "Add(eps, v)"),
    "pow 0.5": LAYER.replace("Sqrt(e)", "Pow(e, half)"),
    "reciprocal": LAYER.replace("q = Div(d, s)", "i = Reciprocal(s) q = Mul(d, i)"),
    "one over": LAYER.replace("q = Div(d, s)", "i = Div(one, s) q = Mul(i, d)"),
    "pow -0.5": LAYER.replace("s = Sqrt(e) q = Div(d, s)", "i = Pow(e, minus) q = Mul(d, i)"),
    "scale and bias first": LAYER.replace("(q, g)", "(g, q)").replace("(n, b)", "(b, n)"),
}


def numbers(dtype=np.float32, size=6):
    rng = np.random.default_rng(0)
    known = {"two": 2, "half": 0.5, "minus": -0.5, "one": 1, "eps": 1e-3}
    weights = {name: rng.standard_normal(size).astype(dtype) for name in ("g", "b")}
    return {n: dtype(v) for n, v in known.items()} | weights | {"last": np.array([-1])}


def norm(spelling, kind="float", shape="n,4,6"):
    return f"g ({kind}[{shape}] x) => (y) {{ a = Neg(x) {spelling} }}"


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_becomes_one_op(parse, body, far, name):
    program = parse(norm(SPELLINGS[name]), opset=18, **numbers())
    before = graph.clone(program)
    log = run(program, [FuseNorm()])
    assert [(a.rule, a.node) for a in log.applied] == [("fuse_norm", "y")]
    assert body(program) == ["a = Neg(x)", "y = LayerNormalization(a, g, b)"]
    made = program.graph.graph[1]
    assert graph.integer(made, "axis", 0) == -1
    assert made.attributes.get_float("epsilon") == pytest.approx(1e-3)
    assert sorted(program.graph.graph.initializers) == ["b", "g"]
    assert far(before, program) < TOLERANCE
    assert run(program, [FuseNorm()]).applied == ()


@pytest.mark.parametrize("name", [n for n in SPELLINGS if n != "scale and bias first"])
def test_every_spelling_of_a_norm_that_takes_no_mean_off_too(parse, body, far, name):
    text = SPELLINGS[name].replace(OFF, "").replace("y = Add(n, b)", "").replace("n =", "y =")
    text = text.replace("(d,", "(a,").replace(" d)", " a)")
    program = parse(norm(text), opset=23, **numbers())
    before = graph.clone(program)
    run(program, [FuseNorm()])
    assert body(program) == ["a = Neg(x)", "y = RMSNormalization(a, g)"]
    assert far(before, program) < TOLERANCE
    assert run(program, [FuseNorm()]).applied == ()


@pytest.mark.parametrize("opset", [18, 23])
def test_the_larger_norm_is_taken_whatever_the_opset(parse, body, opset):
    program = parse(norm(LAYER), opset=opset, **numbers())
    run(program, [FuseNorm()])
    assert body(program) == ["a = Neg(x)", "y = LayerNormalization(a, g, b)"]


def test_axes_were_an_attribute_before_opset_18(parse, body, far):
    text = norm(LAYER.replace("ReduceMean(a, last)", "ReduceMean<axes = [2]>(a)"))
    text = text.replace("ReduceMean(p, last)", "ReduceMean<axes = [-1]>(p)")
    program = parse(text, opset=17, **numbers())
    before = graph.clone(program)
    run(program, [FuseNorm()])
    assert body(program) == ["a = Neg(x)", "y = LayerNormalization(a, g, b)"]
    assert far(before, program) < TOLERANCE
    log = run(parse(text, opset=16, **numbers()), [FuseNorm()])
    assert [s.reason for s in log.skipped] == [
        "LayerNormalization is an op since opset 17, this is 16"
    ]


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ("y = Div(d, s)", ["y = LayerNormalization(a, y_scale)"]),
        ("q = Div(d, s) y = Mul(q, g)", ["y = LayerNormalization(a, g)"]),
        ("q = Div(d, s) y = Add(q, b)", ["y = LayerNormalization(a, y_scale, b)"]),
        ("q = Div(d, s) y = Mul(q, two)", ["y = LayerNormalization(a, two_spread)"]),
        ("q = Div(d, s) y = Mul(q, wide)", ["y = LayerNormalization(a, wide_spread)"]),
        (
            "q = Div(d, s) y = Mul(q, rows)",
            ["q = LayerNormalization(a, q_scale)", "y = Mul(q, rows)"],
        ),
        (
            "q = Div(d, s) y = Mul(q, tall)",
            ["q = LayerNormalization(a, q_scale)", "y = Mul(q, tall)"],
        ),
        ("q = Div(d, s) y = Mul(q, a)", ["q = LayerNormalization(a, q_scale)", "y = Mul(q, a)"]),
        (
            "q = Div(d, s) n = Mul(q, g) y = Add(n, a)",
            ["n = LayerNormalization(a, g)", "y = Add(n, a)"],
        ),
        (
            "q = Div(d, s) n = Add(q, b) y = Mul(n, g)",
            ["n = LayerNormalization(a, n_scale, b)", "y = Mul(n, g)"],
        ),
    ],
)
def test_scale_and_bias_are_taken_as_far_as_they_fit(parse, body, far, ending, expected):
    more = {"wide": np.ones((1, 1, 6), np.float32) * 3, "rows": np.ones((4, 1), np.float32) * 3}
    more["tall"] = np.ones((1, 1, 1, 6), np.float32) * 3
    program = parse(norm(OFF + POWER + ending), opset=18, **numbers(), **more)
    before = graph.clone(program)
    run(program, [FuseNorm()])
    assert body(program) == ["a = Neg(x)", *expected]
    assert far(before, program) < TOLERANCE
    assert run(program, [FuseNorm()]).applied == ()


def test_a_scale_given_at_run_time_is_taken_where_its_shape_is_known(parse, body, far):
    known = numbers()
    del known["g"]
    text = norm(LAYER).replace("x)", "x, float[6] g)", 1)
    program = parse(text, opset=18, **known)
    before = graph.clone(program)
    run(program, [FuseNorm()])
    assert body(program) == ["a = Neg(x)", "y = LayerNormalization(a, g, b)"]
    assert far(before, program) < TOLERANCE
    program = parse(text.replace("float[6] g", "float[k] g"), opset=18, **known)
    run(program, [FuseNorm()])
    assert [n.op_type for n in program.graph.graph] == ["Neg", "LayerNormalization", "Mul", "Add"]


@pytest.mark.parametrize(
    "text",
    [
        LAYER.replace("ReduceMean(p, last)", "ReduceMean(p, other)"),
        LAYER.replace("last", "other"),
        LAYER.replace("last)", "last)").replace("ReduceMean(", "ReduceMean<keepdims = 0>("),
        LAYER.replace("Sqrt(e)", "Exp(e)"),
        LAYER.replace("Pow(d, two)", "Pow(d, three)"),
        LAYER.replace("Pow(d, two)", "Mul(d, a)"),
        LAYER.replace("Pow(d, two)", "Pow(a, two)"),
        LAYER.replace("Add(v, eps)", "Add(v, minus)"),
        LAYER.replace("Div(d, s)", "Div(s, d)"),
        LAYER.replace("Div(d, s)", "Mul(d, s)"),
        LAYER.replace("q = Div(d, s)", "i = Div(two, s) q = Mul(d, i)"),
    ],
)
def test_what_is_no_norm_stays(parse, text):
    more = {"other": np.array([1]), "three": np.float32(3)}
    known = numbers(size=4) if "keepdims" in text else numbers()
    program = parse(
        norm(text, shape="4,4,4" if "keepdims" in text else "n,4,6"), 18, **known, **more
    )
    log = run(program, [FuseNorm()])
    assert (log.applied, log.skipped) == ((), ())


@pytest.mark.parametrize(
    ("text", "opset", "reason"),
    [
        (RMS, 22, "RMSNormalization is an op since opset 23, this is 22"),
        (LAYER + " z = Relu(s)", 18, "s has other readers"),
        (LAYER.replace("s =", "z =").replace(" s)", " z)"), 18, "z is an output"),
    ],
)
def test_it_says_why_it_stays(parse, body, text, opset, reason):
    program = parse(
        norm(text).replace("(y)", "(y, z)" if "z =" in text else "(y)"), opset, **numbers()
    )
    before = body(program)
    log = run(program, [FuseNorm()])
    assert [(s.rule, s.reason) for s in log.skipped] == [("fuse_norm", reason)]
    assert log.applied == ()
    assert body(program) == before


def test_a_scaled_norm_that_is_an_output_is_taken_without_the_bias(parse, body, far):
    text = norm(LAYER.replace("n =", "z =").replace("(n,", "(z,")).replace("(y)", "(y, z)")
    program = parse(text, opset=18, **numbers())
    before = graph.clone(program)
    run(program, [FuseNorm()])
    assert body(program)[1:] == ["z = LayerNormalization(a, g)", "y = Add(z, b)"]
    assert far(before, program) < TOLERANCE


def test_a_size_known_only_at_run_time_and_a_double_stay(parse):
    log = run(
        parse(norm(OFF + POWER + "y = Div(d, s)", shape="n,4,k"), 18, **numbers()), [FuseNorm()]
    )
    assert [s.reason for s in log.skipped] == [
        "the size that a is normed over is only known at run time"
    ]
    log = run(parse(norm(LAYER, "double"), 18, **numbers(np.float64)), [FuseNorm()])
    assert [s.reason for s in log.skipped] == [
        "LayerNormalization takes its statistics in float32, and this is float64"
    ]


def test_a_type_that_the_reference_cannot_run_is_left_alone(parse):
    text = norm(LAYER, "bfloat16")
    log = run(
        graph.parse(f'<ir_version: 8, opset_import: ["" : 18]>{text}', numbers()), [FuseNorm()]
    )
    assert (log.applied, log.skipped) == ((), ())


def test_half_precision_is_fused(parse, far):
    program = parse(norm(LAYER, "float16"), opset=18, **numbers(np.float16))
    before = graph.clone(program)
    assert len(run(program, [FuseNorm()]).applied) == 1
    assert far(before, program) < 5e-3


@pytest.mark.parametrize("name", ["g", "b", "eps"])
def test_one_wrong_number_would_be_seen(parse, far, name):
    right = parse(norm(LAYER), opset=18, **numbers())
    run(right, [FuseNorm()])
    other = numbers()
    other[name] = np.float32(other[name] + 1e-3)
    assert far(parse(norm(LAYER), opset=18, **other), right) > 10 * TOLERANCE


def test_a_branch_is_fused_and_what_it_takes_from_outside_stays(parse, body):
    text = """g (float[2,6] x, bool k) => (y) {{
        a = Neg(x) {outside}
        y = If (k) <
            then_branch = t () => (h) {{ {inside} h = Div(d, s) }},
            else_branch = e () => (q) {{ q = Relu(a) }}
        >
    }}"""
    program = parse(text.format(outside="", inside=OFF + POWER), opset=18, **numbers())
    before = graph.clone(program)
    log = run(program, [FuseNorm()])
    assert [a.node for a in log.applied] == ["h"]
    feeds = {"x": np.arange(12, dtype=np.float32).reshape(2, 6), "k": np.array(True)}
    want, got = Oracle(before).run(feeds)["y"], Oracle(program).run(feeds)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=TOLERANCE * 2)
    log = run(parse(text.format(outside=OFF + POWER, inside=""), 18, **numbers()), [FuseNorm()])
    assert [s.reason for s in log.skipped] == ["s is computed outside of this branch"]


@st.composite
def norms(draw):
    shape = draw(st.lists(st.integers(2, 4), min_size=1, max_size=4))
    count = draw(st.integers(1, len(shape)))
    axes = list(range(len(shape) - count, len(shape)))
    signed = [a - len(shape) if draw(st.booleans()) else a for a in draw(st.permutations(axes))]
    text = draw(st.sampled_from(sorted(SPELLINGS)))
    rms = draw(st.booleans())
    inner = shape[-count:]
    weight = [d if draw(st.booleans()) else 1 for d in inner][draw(st.integers(0, count)) :]
    return shape, signed, SPELLINGS[text], rms, weight, draw(st.integers(0, 1 << 16))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(norms())
def test_any_shape_and_axes_compute_the_same_after(case):
    shape, axes, text, rms, weight, seed = case
    rng = np.random.default_rng(seed)
    known = numbers() | {"last": np.array(axes), "g": rng.standard_normal(weight, np.float32)}
    known["b"] = rng.standard_normal(shape[-len(axes) :], np.float32)
    known["g"] = np.asarray(known["g"], np.float32)
    if rms:
        text = text.replace(OFF, "d = Neg(a) ")
    head = '<ir_version: 8, opset_import: ["" : 23]>'
    program = graph.parse(head + norm(text, shape=",".join(map(str, shape))), known)
    graph.infer_shapes(program)
    before = graph.clone(program)
    assert len(run(program, [FuseNorm()]).applied) == 1
    x = {"x": rng.standard_normal(shape, np.float32)}
    want, got = Oracle(before).run(x)["y"], Oracle(program).run(x)["y"]
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * float(np.abs(want).max() + 1))
