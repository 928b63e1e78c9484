from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fold_batchnorm_matmul import FoldBatchNormMatMul
from mcompile.rules import run

TOLERANCE = 2e-6
"""Of the largest output: float32 sums of a few products."""
NORM = "BatchNormalization(c, gamma, beta, mean, var)"
BIASED = f"g (float[2,5] x) => (float[2,3] y) {{ m = MatMul(x, w) c = Add(m, b) y = {NORM} }}"


def weights(*shape, seed=1, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def norm(channels, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    given = {n: rng.standard_normal(channels).astype(dtype) for n in ("gamma", "beta", "mean")}
    return given | {"var": rng.uniform(0.1, 2, channels).astype(dtype)}


def test_a_matmul_and_its_bias_take_the_norm_in(parse, body, far):
    program = parse(BIASED, w=weights(5, 3), b=weights(3), **norm(3))
    before = graph.clone(program)
    log = run(program, [FoldBatchNormMatMul()])
    assert [(a.rule, a.node) for a in log.applied] == [("fold_batchnorm_matmul", "y")]
    assert body(program) == ["m = MatMul(x, w_folded)", "y = Add(m, w_bias)"]
    assert list(program.graph.graph.initializers) == ["w_folded", "w_bias"]
    assert far(before, program) < TOLERANCE
    assert run(program, [FoldBatchNormMatMul()]).applied == ()


def test_without_a_bias_an_add_takes_its_place(parse, body, far):
    text = BIASED.replace("m = MatMul(x, w) c = Add(m, b)", "c = MatMul(x, w)")
    program = parse(text, w=weights(5, 3), **norm(3))
    before = graph.clone(program)
    run(program, [FoldBatchNormMatMul()])
    assert body(program) == ["c = MatMul(x, w_folded)", "y = Add(c, w_bias)"]
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize("name", ["w_folded", "w_bias"])
def test_one_wrong_weight_would_be_seen(parse, far, name):
    program = parse(BIASED, w=weights(5, 3), b=weights(3), **norm(3))
    before = graph.clone(program)
    run(program, [FoldBatchNormMatMul()])
    value = program.graph.graph.initializers[name]
    wrong = np.array(graph.array(value))
    wrong.flat[0] += 1e-3
    value.const_value = ir.tensor(wrong, name=name)
    assert far(before, program) > 10 * TOLERANCE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("c = MatMul(x, w) y = BN(c, gamma, beta, mean, var) z = Relu(c)", "c has other readers"),
        ("z = MatMul(x, w) y = BN(z, gamma, beta, mean, var)", "z is an output"),
        (
            "c = MatMul(x, w) y, m, n = BN<training_mode = 1>(c, gamma, beta, mean, var)"
            " z = Relu(x)",
            "the norm is in training mode",
        ),
        ("c = MatMul(x, v) y = BN(c, gamma, beta, mean, var) z = Relu(x)", None),
        ("c = MatMul(x, w) y = BN(c, gamma, beta, u, var) z = Relu(x)", "u is not a constant"),
        (
            "c = MatMul(x, w) y = BN(c, gamma, beta, mean, var) z = MatMul(x, w)",
            "the weights w have other readers",
        ),
        (
            "c = MatMul(x, w) y = BN(c, gamma, beta, mean, huge) z = Relu(x)",
            "the scaled weights do not fit their type",
        ),
        (
            "c = MatMul(k, w) y = BN(c, five, five, five, five) z = Relu(x)",
            "its channels are not the columns of the MatMul",
        ),
        ("c = Gemm(x, w) y = BN(c, gamma, beta, mean, var) z = Relu(x)", None),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    program = parse(
        f"""g (float[2,5] x, float[5,3] v, float[3] u, float[2,4,5] k) => (y, z) {{
            {text.replace("BN", "BatchNormalization")}
        }}""",
        w=weights(5, 3),
        huge=-norm(3)["var"],
        five=np.ones(4, np.float32),
        **norm(3),
    )
    before = body(program)
    log = run(program, [FoldBatchNormMatMul()])
    assert [s.reason for s in log.skipped] == ([reason] if reason else [])
    assert log.applied == ()
    assert body(program) == before


def test_a_double_is_folded_as_a_double(parse, far):
    kind = np.float64
    program = parse(
        BIASED.replace("float", "double"),
        w=weights(5, 3, dtype=kind),
        b=weights(3, dtype=kind),
        **norm(3, dtype=kind),
    )
    before = graph.clone(program)
    assert len(run(program, [FoldBatchNormMatMul()]).applied) == 1
    assert far(before, program) < 1e-14


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from(["", "[1]", "[c]", "[1,c]"]),
    st.sampled_from([1e-5, 1e-3, 0.1]),
    st.booleans(),
)
def test_any_product_and_norm_compute_the_same_after(rows, columns, bias, epsilon, flipped):
    shapes = {"[1]": (1,), "[c]": (columns,), "[1,c]": (1, columns)}
    pair = "b, m" if flipped else "m, b"
    layer = f"m = MatMul(x, w) c = Add({pair})" if bias else "c = MatMul(x, w)"
    text = f"""<ir_version: 8, opset_import: ["" : 15]>
    g (float[n,{rows}] x) => (float[n,{columns}] y) {{
        {layer} y = BatchNormalization<epsilon = {epsilon}>(c, gamma, beta, mean, var)
    }}"""
    given_weights = norm(columns) | {"w": weights(rows, columns)}
    if bias:
        given_weights["b"] = weights(*shapes[bias], seed=4)
    program = graph.parse(text, given_weights)
    before = graph.clone(program)
    assert len(run(program, [FoldBatchNormMatMul()]).applied) == 1
    x = {"x": weights(3, rows, seed=2)}
    want, got = Oracle(before).run(x)["y"], Oracle(program).run(x)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=5e-6 * float(np.abs(want).max() + 1))
