from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fold_batchnorm_forward import FoldBatchNormForward
from mcompile.rules import run

TOLERANCE = 3e-6
"""Of the largest output: float32 sums of a few dozen products."""


def weights(*shape, seed=1, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def norm(channels, seed=0):
    rng = np.random.default_rng(seed)
    given = {n: weights(channels, seed=seed + k) for k, n in enumerate(("gamma", "beta", "mean"))}
    return given | {"var": rng.uniform(0.1, 2, channels).astype(np.float32)}


NORM = "BatchNormalization(x, gamma, beta, mean, var)"
CONV = f"g (float[2,3,6,6] x) => (float[2,4,4,4] y) {{ n = {NORM} y = Conv(n, w) }}"


def test_the_next_conv_takes_the_norm_in(parse, body, far):
    program = parse(CONV, w=weights(4, 3, 3, 3), **norm(3))
    before = graph.clone(program)
    log = run(program, [FoldBatchNormForward()])
    assert [(a.rule, a.node) for a in log.applied] == [("fold_batchnorm_forward", "n")]
    assert body(program) == ["y = Conv(x, w_folded, w_bias)"]
    assert list(program.graph.graph.initializers) == ["w_folded", "w_bias"]
    assert far(before, program) < TOLERANCE
    assert run(program, [FoldBatchNormForward()]).applied == ()


@pytest.mark.parametrize("name", ["w_folded", "w_bias"])
def test_one_wrong_weight_would_be_seen(parse, far, name):
    program = parse(CONV, w=weights(4, 3, 3, 3), **norm(3))
    before = graph.clone(program)
    run(program, [FoldBatchNormForward()])
    value = program.graph.graph.initializers[name]
    wrong = np.array(graph.array(value))
    wrong.flat[0] += 1e-2
    value.const_value = ir.tensor(wrong, name=name)
    assert far(before, program) > 10 * TOLERANCE


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("y = Gemm(n, w, b)", (3, 4)),
        ("y = Gemm<transB = 1, alpha = 0.5, beta = 2.0>(n, w, b)", (4, 3)),
        ("m = MatMul(n, w) y = Add(m, b)", (3, 4)),
    ],
)
def test_products_take_it_in(parse, far, layer, shape):
    program = parse(
        f"g (float[2,3] x) => (float[2,4] y) {{ n = {NORM} {layer} }}",
        w=weights(*shape),
        b=weights(4),
        **norm(3),
    )
    before = graph.clone(program)
    assert len(run(program, [FoldBatchNormForward()]).applied) == 1
    assert "BatchNormalization" not in [n.op_type for n in program.graph.graph]
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize(
    "layer", ["Conv<pads = [1, 1, 1, 1]>(n, w)", "ConvTranspose(n, t)"], ids=["conv", "transposed"]
)
def test_a_norm_without_shift_goes_into_a_layer_that_pads(parse, far, layer):
    given = norm(3) | {"beta": np.zeros(3, np.float32), "mean": np.zeros(3, np.float32)}
    program = parse(
        f"g (float[2,3,6,6] x) => (y) {{ n = {NORM} y = {layer} }}",
        w=weights(4, 3, 3, 3),
        t=weights(3, 4, 3, 3),
        **given,
    )
    before = graph.clone(program)
    assert len(run(program, [FoldBatchNormForward()]).applied) == 1
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "n = BN(x, gamma, beta, mean, var) y = Conv<pads = [1, 1, 1, 1]>(n, w)",
            "the layer pads with zeros, which are not shifted",
        ),
        (
            "n = BN(x, gamma, beta, mean, var) y = Conv(n, w) z = Conv(x, w)",
            "the weights w have other readers",
        ),
        ("n = BN(x, gamma, beta, mean, var) y = Conv(n, w, u)", "u is not a constant"),
        (
            "n = BN(x, gamma, beta, mean, huge) y = Conv(n, w)",
            "the scaled weights do not fit their type",
        ),
        (
            "n = BN(k, gamma, beta, mean, var) y = MatMul(n, v)",
            "the MatMul has no bias that would take the shift in",
        ),
        ("n = BN(x, gamma, beta, mean, var) y = Conv(n, w) q = Relu(n)", None),
        ("n, p, q = BN<training_mode = 1>(x, gamma, beta, mean, var) y = Conv(n, w)", None),
        ("n = BN(x, gamma, beta, mean, r) y = Conv(n, w)", None),
        ("c = Conv(x, s) n = BN(c, gamma, beta, mean, var) y = Conv(n, w)", None),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    last = next(v for v in ("z", "q", "y") if f"{v} = " in text)
    ends = "y" if last == "y" else f"y, {last}"
    program = parse(
        f"""g (float[2,3,6,6] x, float[4] u, float[2,3] k, float[3] r) => ({ends}) {{
            {text.replace("BN", "BatchNormalization")}
        }}""",
        w=weights(4, 3, 3, 3),
        v=weights(3, 4),
        s=weights(3, 3, 1, 1),
        huge=-norm(3)["var"] - 1,
        **norm(3),
    )
    before = body(program)
    log = run(program, [FoldBatchNormForward()])
    assert [s.reason for s in log.skipped] == ([reason] if reason else [])
    assert log.applied == ()
    assert body(program) == before


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    st.sampled_from([1, 2, 3]),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.booleans(),
    st.integers(1, 2),
)
def test_any_norm_and_convolution_compute_the_same_after(group, inner, outer, kernel, bias, stride):
    channels = group * inner
    text = f"""<ir_version: 8, opset_import: ["" : 15]>
    g (float[n,{channels},5,5] x) => (float[n,k,h,v] y) {{
        n = BatchNormalization(x, gamma, beta, mean, var)
        y = Conv<group = {group}, strides = {[stride] * 2}>(n, w{", b" if bias else ""})
    }}"""
    given_weights = norm(channels) | {"w": weights(group * outer, inner, kernel, kernel)}
    if bias:
        given_weights["b"] = weights(group * outer, seed=5)
    program = graph.parse(text, given_weights)
    before = graph.clone(program)
    assert len(run(program, [FoldBatchNormForward()]).applied) == 1
    x = {"x": weights(2, channels, 5, 5, seed=2)}
    want, got = Oracle(before).run(x)["y"], Oracle(program).run(x)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * float(np.abs(want).max() + 1))
