from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fuse_global_average_pool import FuseGlobalAveragePool
from mcompile.passes.fuse_instance_norm import FuseInstanceNorm
from mcompile.passes.fuse_norm import FuseNorm
from mcompile.rules import run

TOLERANCE = 2e-6
"""Of the largest output: float32 means of a few numbers, and the division by their root."""

NORM = "q = LayerNormalization<axis = 2, epsilon = 0.01>(a, ones) "
AFFINE = NORM + "n = Mul(q, g) y = Add(n, b)"
SPELLED = """m = ReduceMean(a, axes) d = Sub(a, m) p = Mul(d, d) v = ReduceMean(p, axes)
    e = Add(v, eps) s = Sqrt(e) q = Div(d, s) n = Mul(q, g) y = Add(n, b)"""


def weights(channels=3, positions=(4, 5), dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    shape = (channels, *(1 for _ in positions))
    known = {"g": rng.standard_normal(shape), "b": rng.standard_normal((1, *shape))}
    known |= {"ones": np.ones(positions), "zeros": np.zeros(positions), "eps": 0.01}
    axes = np.arange(2, 2 + len(positions))
    return {n: np.asarray(v, dtype) for n, v in known.items()} | {"axes": axes}


def norm(text, kind="float", shape="n,3,4,5"):
    return f"g ({kind}[{shape}] x) => ({kind}[{shape}] y) {{ a = Neg(x) {text} }}"


@pytest.mark.parametrize(
    "text",
    [
        AFFINE,
        AFFINE.replace("(q, g)", "(g, q)").replace("(n, b)", "(b, n)"),
        AFFINE.replace("ones)", "ones, zeros)"),
        AFFINE.replace("axis = 2", "axis = -2"),
    ],
)
def test_a_factor_per_channel_makes_it_an_instance_norm(parse, body, far, text):
    program = parse(norm(text), **weights())
    before = graph.clone(program)
    log = run(program, [FuseInstanceNorm()])
    assert [(a.rule, a.node) for a in log.applied] == [("fuse_instance_norm", "y")]
    assert body(program) == ["a = Neg(x)", "y = InstanceNormalization(a, g_flat, b_flat)"]
    assert sorted(program.graph.graph.initializers) == ["b_flat", "g_flat"]
    assert far(before, program) < TOLERANCE
    assert run(program, [FuseInstanceNorm()]).applied == ()


def test_without_a_shift_the_bias_is_zero(parse, body, far):
    program = parse(norm(NORM + "n = Mul(q, g) y = Relu(n)"), **weights())
    before = graph.clone(program)
    run(program, [FuseInstanceNorm()])
    assert body(program)[1:] == ["n = InstanceNormalization(a, g_flat, n_bias)", "y = Relu(n)"]
    assert far(before, program) < TOLERANCE


def test_a_shift_of_another_shape_stays_behind(parse, body, far):
    program = parse(norm(AFFINE.replace("(n, b)", "(n, ones)")), **weights())
    before = graph.clone(program)
    run(program, [FuseInstanceNorm()])
    assert body(program)[1:] == [
        "n = InstanceNormalization(a, g_flat, n_bias)",
        "y = Add(n, ones)",
    ]
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize("name", ["g_flat", "b_flat"])
def test_one_wrong_number_would_be_seen(parse, far, name):
    program = parse(norm(AFFINE), **weights())
    run(program, [FuseInstanceNorm()])
    other = weights()
    other[name[0]] = other[name[0]] + np.float32(1e-3)
    assert far(parse(norm(AFFINE), **other), program) > 10 * TOLERANCE


@pytest.mark.parametrize(
    "text",
    [
        AFFINE.replace("axis = 2", "axis = 3").replace("ones", "row"),
        AFFINE.replace("ones", "twos"),
        AFFINE.replace("ones)", "ones, twos)"),
        NORM + "n = Mul(q, ones) y = Add(n, b)",
        NORM + "n = Mul(q, a) y = Add(n, b)",
        NORM + "y = Add(q, b)",
    ],
)
def test_any_other_norm_is_no_business_of_this_rule(parse, text):
    more = {"row": np.ones(5, np.float32), "twos": np.full((4, 5), 2, np.float32)}
    log = run(parse(norm(text), **weights(), **more), [FuseInstanceNorm()])
    assert (log.applied, log.skipped) == ((), ())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (AFFINE + " z = Relu(q)", "q has other readers"),
        (AFFINE.replace("q =", "z =").replace("(q,", "(z,"), "z is an output"),
        (AFFINE.replace("q =", "q, z =") + " w = Relu(z)", "its statistics are read"),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    program = parse(norm(text).replace("y) {", "y, float[n,3,k,l] z) {"), **weights())
    before = body(program)
    log = run(program, [FuseInstanceNorm()])
    assert [(s.rule, s.reason) for s in log.skipped] == [("fuse_instance_norm", reason)]
    assert log.applied == ()
    assert body(program) == before


def test_a_norm_from_outside_of_a_branch_stays(parse):
    program = parse(
        f"""g (float[2,3,4,5] x, bool k) => (y) {{
            a = Neg(x) {NORM}
            y = If (k) <
                then_branch = t () => (p) {{ p = Mul(q, g) }},
                else_branch = e () => (r) {{ r = Relu(a) }}
            >
        }}""",
        **weights(),
    )
    log = run(program, [FuseInstanceNorm()])
    assert [s.reason for s in log.skipped] == ["q is computed outside of this branch"]


def test_half_precision_is_fused(parse, far):
    program = parse(norm(AFFINE, "float16"), **weights(dtype=np.float16))
    before = graph.clone(program)
    assert len(run(program, [FuseInstanceNorm()]).applied) == 1
    assert far(before, program) < 5e-3


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.integers(1, 4),
    st.lists(st.integers(2, 4), min_size=1, max_size=3),
    st.booleans(),
    st.integers(18, 23),
    st.integers(0, 1 << 16),
)
def test_in_any_order_of_rules_a_spelled_out_norm_ends_the_same(
    channels, positions, shifted, opset, seed
):
    head = f'<ir_version: 8, opset_import: ["" : {opset}]>'
    text = SPELLED if shifted else SPELLED.replace("y = Add(n, b)", "y = Abs(n)")
    shape = [2, channels, *positions]
    known = weights(channels, positions, seed=seed)
    source = graph.parse(head + norm(text, shape=",".join(map(str, shape))), known)
    graph.infer_shapes(source)
    rules = [FuseNorm(), FuseInstanceNorm(), FuseGlobalAveragePool()]
    forward, backward = graph.clone(source), graph.clone(source)
    run(forward, rules)
    run(backward, rules[::-1])
    assert lines(forward) == lines(backward)
    ops = {n.op_type for n in forward.graph.graph}
    assert ops & {"ReduceMean", "Div", "GlobalAveragePool"} == set()
    assert ("InstanceNormalization" in ops) == (channels > 1)
    x = {"x": np.random.default_rng(seed).standard_normal(shape, np.float32)}
    want, got = Oracle(source).run(x)["y"], Oracle(forward).run(x)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * float(np.abs(want).max() + 1))


def lines(program):
    return [
        (n.op_type, [v.name for v in n.inputs if v], [v.name for v in n.outputs], str(n.attributes))
        for n in program.graph.graph
    ]
