from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes import fold_batchnorm
from mcompile.passes.fold_batchnorm import FoldBatchNorm
from mcompile.rules import run

TOLERANCE = 2e-6
"""Of the largest output: float32 sums of up to a few hundred products."""


def norm(channels, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    given = {n: rng.standard_normal(channels).astype(dtype) for n in ("gamma", "beta", "mean")}
    return given | {"var": rng.uniform(0.1, 2, channels).astype(dtype)}


def weights(*shape, seed=1, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


NORM = "BatchNormalization(c, gamma, beta, mean, var)"
CONV = f"g (float[2,3,6,6] x) => (float[2,4,4,4] y) {{ c = Conv(x, w) y = {NORM} }}"


def test_a_conv_takes_the_norm_in(parse, body, far):
    program = parse(CONV, w=weights(4, 3, 3, 3), **norm(4))
    before = graph.clone(program)
    log = run(program, [FoldBatchNorm()])
    assert [(a.rule, a.node) for a in log.applied] == [("fold_batchnorm", "y")]
    assert body(program) == ["y = Conv(x, w_folded, w_bias)"]
    assert list(program.graph.graph.initializers) == ["w_folded", "w_bias"]
    assert far(before, program) < TOLERANCE
    assert run(program, [FoldBatchNorm()]).applied == ()


@pytest.mark.parametrize("name", ["w_folded", "w_bias"])
def test_one_wrong_weight_would_be_seen(parse, far, name):
    program = parse(CONV, w=weights(4, 3, 3, 3), **norm(4))
    before = graph.clone(program)
    run(program, [FoldBatchNorm()])
    value = program.graph.graph.initializers[name]
    wrong = np.array(graph.array(value))
    wrong.flat[0] += 1e-3
    value.const_value = ir.tensor(wrong, name=name)
    assert far(before, program) > 10 * TOLERANCE


@pytest.mark.parametrize(
    ("layer", "shape", "channels"),
    [
        ("Conv(x, w, b)", (6, 4, 3, 3), 6),
        ("Conv<group = 2>(x, w, b)", (6, 2, 3, 3), 6),
        ("Conv<group = 4, pads = [1, 1, 1, 1]>(x, w, b)", (8, 1, 3, 3), 8),
        ("Conv<strides = [2, 2], dilations = [2, 2]>(x, w)", (6, 4, 3, 3), 6),
        ("ConvTranspose(x, w, b)", (4, 6, 3, 3), 6),
        ("ConvTranspose<group = 2>(x, w, b)", (4, 3, 3, 3), 6),
        ("ConvTranspose<group = 4, strides = [2, 2]>(x, w)", (4, 2, 3, 3), 8),
    ],
)
def test_every_kind_of_convolution(parse, far, layer, shape, channels):
    program = parse(
        f"""g (float[2,4,7,7] x) => (float[a,b,c,d] y) {{
            c = {layer}
            n = BatchNormalization<epsilon = 0.001>(c, gamma, beta, mean, var)
            y = Relu(n)
        }}""",
        w=weights(*shape),
        b=weights(channels, seed=2),
        **norm(channels),
    )
    before = graph.clone(program)
    assert len(run(program, [FoldBatchNorm()]).applied) == 1
    assert [n.op_type for n in program.graph.graph][1:] == ["Relu"]
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize(
    ("layer", "shape", "bias"),
    [
        ("Gemm(x, w, b)", (5, 3), (3,)),
        ("Gemm<transB = 1>(x, w, b)", (3, 5), (1, 3)),
        ("Gemm<alpha = 0.5, beta = 2.0>(x, w, b)", (5, 3), ()),
        ("Gemm<beta = 0.0>(x, w, b)", (5, 3), (3,)),
        ("Gemm<beta = 3.0>(x, w)", (5, 3), (3,)),
        ("Gemm(x, w, b)", (5, 3), (2, 3)),
    ],
)
def test_a_gemm_takes_the_norm_in(parse, far, layer, shape, bias):
    program = parse(
        f"g (float[2,5] x) => (float[2,3] y) {{ c = {layer} y = {NORM} }}",
        w=weights(*shape),
        b=weights(*bias, seed=2),
        **norm(3),
    )
    before = graph.clone(program)
    run(program, [FoldBatchNorm()])
    assert [n.op_type for n in program.graph.graph] == ["Gemm"]
    assert far(before, program) < TOLERANCE


def test_a_double_is_folded_as_a_double(parse, far):
    program = parse(
        """g (double[2,5] x) => (double[2,3] y) {
            c = Gemm(x, w) y = BatchNormalization(c, gamma, beta, mean, var)
        }""",
        w=weights(5, 3, dtype=np.float64),
        **norm(3, dtype=np.float64),
    )
    before = graph.clone(program)
    assert len(run(program, [FoldBatchNorm()]).applied) == 1
    assert far(before, program) < 1e-14


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("c = Conv(x, w) y = BN(c, gamma, beta, mean, var) z = Relu(c)", "c has other readers"),
        ("z = Conv(x, w) y = BN(z, gamma, beta, mean, var)", "z is an output"),
        (
            "c = Conv(x, w) y, m, n = BN<training_mode = 1>(c, gamma, beta, mean, var) z = Relu(x)",
            "the norm is in training mode",
        ),
        ("c = Conv(x, v) y = BN(c, gamma, beta, mean, var) z = Relu(x)", "v is not a constant"),
        ("c = Conv(x, w, u) y = BN(c, gamma, beta, mean, var) z = Relu(x)", "u is not a constant"),
        ("c = Conv(x, w) y = BN(c, gamma, beta, u, var) z = Relu(x)", "u is not a constant"),
        (
            "c = Conv(x, w) y = BN(c, gamma, beta, mean, var) z = Conv(x, w)",
            "the weights w have other readers",
        ),
        (
            "c = Conv(x, w) y = BN(c, gamma, beta, mean, huge) z = Relu(x)",
            "the scaled weights do not fit their type",
        ),
        ("c = Conv(x, w) y = BN(c, one, one, one, one) z = Relu(x)", "it norms 1 channels of 4"),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    program = parse(
        f"""g (float[2,3,6,6] x, float[4,3,3,3] v, float[4] u) => (y, z) {{
            {text.replace("BN", "BatchNormalization")}
        }}""",
        w=weights(4, 3, 3, 3),
        huge=-norm(4)["var"],
        one=np.ones(1, np.float32),
        **norm(4),
    )
    before = body(program)
    log = run(program, [FoldBatchNorm()])
    assert [(s.rule, s.reason) for s in log.skipped] == [("fold_batchnorm", reason)]
    assert log.applied == ()
    assert body(program) == before


def test_running_statistics_that_are_read_keep_the_norm(parse):
    text = """g (float[2,3,6,6] x) => (float[2,4,4,4] y, float[4] m) {
        c = Conv(x, w) y, m, n = BatchNormalization(c, gamma, beta, mean, var)
    }"""
    log = run(parse(text, opset=13, w=weights(4, 3, 3, 3), **norm(4)), [FoldBatchNorm()])
    assert [s.reason for s in log.skipped] == ["its running statistics are read"]


def test_a_norm_that_a_branch_applies_to_an_outer_conv_stays(parse):
    program = parse(
        """g (float[1,3,6,6] x, bool k) => (y) {
            c = Conv(x, w)
            y = If (k) <
                then_branch = t () => (p) { p = BatchNormalization(c, gamma, beta, mean, var) },
                else_branch = e () => (q) { q = Relu(x) }
            >
        }""",
        w=weights(4, 3, 3, 3),
        **norm(4),
    )
    log = run(program, [FoldBatchNorm()])
    assert [s.reason for s in log.skipped] == ["c is computed outside of this branch"]


def test_half_precision_that_would_overflow_stays_and_the_rest_is_folded(parse, far):
    text = CONV.replace("float", "float16")
    small = norm(4, dtype=np.float16) | {"var": np.full(4, 1e-7, np.float16)}
    program = parse(text, w=weights(4, 3, 3, 3, dtype=np.float16) * np.float16(1e4), **small)
    log = run(program, [FoldBatchNorm()])
    assert [s.reason for s in log.skipped] == ["the scaled weights do not fit their type"]
    program = parse(text, w=weights(4, 3, 3, 3, dtype=np.float16), **norm(4, dtype=np.float16))
    before = graph.clone(program)
    assert len(run(program, [FoldBatchNorm()]).applied) == 1
    assert far(before, program) < 5e-3


def test_the_first_opsets_say_otherwise_whether_they_train_or_norm_positions(parse):
    early = {"w": weights(4, 3, 3, 3), **norm(4)}
    log = run(parse(CONV, opset=6, **early), [FoldBatchNorm()])
    assert [s.reason for s in log.skipped] == ["the norm is in training mode"]
    tested = CONV.replace("Normalization(", "Normalization<is_test = 1>(")
    assert len(run(parse(tested, opset=6, **early), [FoldBatchNorm()]).applied) == 1
    apart = CONV.replace("Normalization(", "Normalization<spatial = 0>(")
    log = run(parse(apart, opset=7, **early), [FoldBatchNorm()])
    assert [s.reason for s in log.skipped] == ["it norms each position on its own"]


def test_a_norm_behind_anything_else_is_no_business_of_this_rule(parse):
    text = CONV.replace("Conv(x, w)", "Relu(x)").replace("2,4,4,4", "2,3,6,6")
    log = run(parse(text, **norm(3)), [FoldBatchNorm()])
    assert (log.applied, log.skipped) == ((), ())


def test_large_weights_are_scaled_outside_of_memory(parse, far):
    text = f"g (float[1,2100,1,1] x) => (y) {{ c = Conv(x, w) y = {NORM} }}"
    program = parse(text, w=weights(2100, 2100, 1, 1), **norm(2100))
    before = graph.clone(program)
    run(program, [FoldBatchNorm()])
    assert isinstance(graph.array(program.graph.graph.initializers["w_folded"]), np.memmap)
    assert far(before, program) < 1e-5


@st.composite
def layers(draw):
    group = draw(st.sampled_from([1, 2, 3]))
    inner, outer = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    kernel = draw(st.integers(1, 3))
    flip = draw(st.booleans())
    shape = (group * inner, outer) if flip else (group * outer, inner)
    return {
        "op": "ConvTranspose" if flip else "Conv",
        "group": group,
        "shape": (*shape, kernel, kernel),
        "inputs": group * inner,
        "channels": group * outer,
        "stride": draw(st.integers(1, 2)),
        "bias": draw(st.booleans()),
        "epsilon": draw(st.sampled_from([1e-5, 1e-3, 0.1])),
        "seed": draw(st.integers(0, 1 << 16)),
    }


@settings(max_examples=40, deadline=None, derandomize=True)
@given(layers())
def test_any_convolution_and_norm_compute_the_same_after(case):
    bias = ", b" if case["bias"] else ""
    text = f"""<ir_version: 8, opset_import: ["" : 15]>
    g (float[1,{case["inputs"]},5,5] x) => (float[n,c,h,v] y) {{
        c = {case["op"]}<group = {case["group"]}, strides = {[case["stride"]] * 2}>(x, w{bias})
        y = BatchNormalization<epsilon = {case["epsilon"]}>(c, gamma, beta, mean, var)
    }}"""
    given_weights = norm(case["channels"], case["seed"]) | {"w": weights(*case["shape"])}
    if bias:
        given_weights["b"] = weights(case["channels"], seed=case["seed"])
    program = graph.parse(text, given_weights)
    before = graph.clone(program)
    assert len(run(program, [FoldBatchNorm()]).applied) == 1
    x = {"x": weights(1, case["inputs"], 5, 5, seed=case["seed"])}
    want, got = Oracle(before).run(x)["y"], Oracle(program).run(x)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=5e-6 * float(np.abs(want).max() + 1))


def test_the_docstring_of_the_rule_is_its_algebra():
    assert "W' = W * s" in FoldBatchNorm.explain()
    assert FoldBatchNorm.explain().startswith(fold_batchnorm.__doc__.splitlines()[0])
