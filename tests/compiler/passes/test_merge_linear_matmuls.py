from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.merge_linear_matmuls import MergeLinearMatMuls
from mcompile.rules import run

TOLERANCE = 3e-6
"""Of the largest output: float32 sums of a few dozen products."""


def weights(*shape, seed=1, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


GIVEN = {"a": weights(5, 8), "b": weights(8, 4, seed=2), "p": weights(8), "q": weights(4, seed=3)}
GEMMS = "g (float[2,5] x) => (float[2,4] y) { c = Gemm(x, a, p) y = Gemm(c, b, q) }"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("c = MatMul(x, a) y = MatMul(c, b)", ["y = MatMul(x, a_merged)"]),
        (
            "d = MatMul(x, a) c = Add(d, p) e = MatMul(c, b) y = Add(q, e)",
            ["e = MatMul(x, a_merged)", "y = Add(a_bias, e)"],
        ),
        (
            "c = MatMul(x, a) e = MatMul(c, b) y = Add(e, q)",
            ["e = MatMul(x, a_merged)", "y = Add(e, q)"],
        ),
        (
            "d = MatMul(x, a) c = Add(p, d) y = MatMul(c, b)",
            ["y_1 = MatMul(x, a_merged)", "y = Add(y_1, a_bias)"],
        ),
        (
            "d = MatMul(x, a) c = Add(p, d) e = MatMul(c, b) y = Relu(e)",
            ["e = MatMul(x, a_merged)", "e_1 = Add(e, a_bias)", "y = Relu(e_1)"],
        ),
    ],
)
def test_two_products_become_one(parse, body, far, text, left):
    program = parse(f"g (float[2,7,5] x) => (float[2,7,4] y) {{ {text} }}", **GIVEN)
    before = graph.clone(program)
    log = run(program, [MergeLinearMatMuls()])
    assert [a.rule for a in log.applied] == ["merge_linear_matmuls"]
    assert body(program) == left
    assert far(before, program) < TOLERANCE
    assert run(program, [MergeLinearMatMuls()]).applied == ()


@pytest.mark.parametrize(
    "text",
    [
        "c = Gemm(x, a, p) y = Gemm(c, b, q)",
        "c = Gemm<alpha = 0.5, beta = 2.0>(x, a, p) y = Gemm<alpha = 3.0, beta = 0.5>(c, b, q)",
        "c = Gemm<transB = 1>(x, at, p) y = Gemm<transB = 1, alpha = 2.0>(c, bt)",
        "c = Gemm(x, a) y = Gemm<beta = 3.0>(c, b, rows)",
        "c = Gemm(x, a, s) y = Gemm(c, b, rows)",
    ],
)
def test_two_gemms_become_one(parse, far, text):
    program = parse(
        f"g (float[2,5] x) => (float[2,4] y) {{ {text} }}",
        **GIVEN,
        at=weights(8, 5),
        bt=weights(4, 8),
        rows=weights(2, 1),
        s=np.float32(0.5),
    )
    before = graph.clone(program)
    assert len(run(program, [MergeLinearMatMuls()]).applied) == 1
    assert [n.op_type for n in program.graph.graph] == ["Gemm"]
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize("name", ["a_merged", "a_bias"])
def test_one_wrong_weight_would_be_seen(parse, far, name):
    program = parse(GEMMS, **GIVEN)
    before = graph.clone(program)
    run(program, [MergeLinearMatMuls()])
    value = program.graph.graph.initializers[name]
    wrong = np.array(graph.array(value))
    wrong.flat[0] += 1e-2
    value.const_value = ir.tensor(wrong, name=name)
    assert far(before, program) > 10 * TOLERANCE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("c = MatMul(x, a) y = MatMul(c, b) z = Relu(c)", "c has other readers"),
        ("z = MatMul(x, a) y = MatMul(z, b)", "z is an output"),
        ("c = Gemm(x, a, u) y = Gemm(c, b) z = Relu(x)", "u is not a constant"),
        ("c = MatMul(x, a) y = MatMul(c, b) z = MatMul(x, a)", "the weights a have other readers"),
        (
            "c = MatMul(x, narrow) y = MatMul(c, back) z = Relu(x)",
            "the one would take more multiplications than the two",
        ),
        (
            "c = MatMul(x, huge) y = MatMul(c, huger) z = Relu(x)",
            "the merged weights might not fit their type",
        ),
        ("c = Gemm(x, a, rows) y = Gemm(c, b) z = Relu(x)", None),
        ("c = Gemm(x, a) y = MatMul(c, b) z = Relu(x)", None),
        ("c = MatMul(x, v) y = MatMul(c, b) z = Relu(x)", None),
        ("c = MatMul(x, a) d = Relu(c) y = MatMul(d, b) z = Relu(x)", None),
        ("c = MatMul(x, a) d = MatMul(c, b) y = Mul(d, two) z = Relu(x)", None),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    program = parse(
        f"g (float[2,5] x, float[5,8] v, float[8] u) => (y, z) {{ {text} }}",
        **GIVEN,
        narrow=weights(5, 1),
        back=weights(1, 8),
        rows=weights(2, 1),
        huge=weights(5, 8) * np.float32(1e25),
        huger=weights(8, 4) * np.float32(1e25),
        two=np.float32(2),
    )
    before = body(program)
    log = run(program, [MergeLinearMatMuls()])
    assert [s.reason for s in log.skipped] == ([reason] if reason else [])
    assert log.applied == ()
    assert body(program) == before


def test_a_product_that_a_branch_reads_from_outside_stays(parse):
    program = parse(
        """g (float[2,5] x, bool k) => (y) {
            c = MatMul(x, a)
            y = If (k) <
                then_branch = t () => (p) { p = MatMul(c, b) },
                else_branch = e () => (q) { q = Relu(x) }
            >
        }""",
        a=GIVEN["a"],
        b=GIVEN["b"],
    )
    log = run(program, [MergeLinearMatMuls()])
    assert [s.reason for s in log.skipped] == ["c is computed outside of this branch"]


def test_a_double_is_merged_as_a_double(parse, far):
    wide = {k: v.astype(np.float64) for k, v in GIVEN.items()}
    program = parse(GEMMS.replace("float", "double"), **wide)
    before = graph.clone(program)
    assert len(run(program, [MergeLinearMatMuls()]).applied) == 1
    assert far(before, program) < 1e-14


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(1, 6), min_size=3, max_size=5),
    st.lists(st.booleans(), min_size=4, max_size=4),
    st.booleans(),
)
def test_any_chain_computes_the_same_after(sizes, biased, gemm):
    lines, last, given_weights = [], "x", {}
    for k, (rows, columns) in enumerate(pairwise(sizes)):
        given_weights[f"w{k}"] = weights(rows, columns, seed=k)
        given_weights[f"b{k}"] = weights(columns, seed=k + 9)
        bias = f", b{k}" if biased[k] else ""
        lines.append(f"v{k} = Gemm({last}, w{k}{bias})" if gemm else f"v{k} = MatMul({last}, w{k})")
        last = f"v{k}"
        if bias and not gemm:
            lines.append(f"a{k} = Add({last}, b{k})")
            last = f"a{k}"
    text = f"""<ir_version: 8, opset_import: ["" : 15]>
    g (float[n,{sizes[0]}] x) => (float[n,{sizes[-1]}] y) {{ {" ".join(lines)} y = Neg({last}) }}"""
    program = graph.parse(text, given_weights)
    before = graph.clone(program)
    run(program, [MergeLinearMatMuls()])
    x = {"x": weights(3, sizes[0], seed=20)}
    want, got = Oracle(before).run(x)["y"], Oracle(program).run(x)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * float(np.abs(want).max() + 1))


def test_weights_too_large_to_multiply_are_left_alone(monkeypatch):
    program = graph.parse(
        '<ir_version: 8, opset_import: ["": 17]>'
        "g (float[2,8] x) => (float[2,8] y) { a = MatMul(x, w) y = MatMul(a, v) }",
        {"w": np.ones((8, 8), np.float32), "v": np.ones((8, 8), np.float32)},
    )
    monkeypatch.setattr(graph, "MAPPED_ABOVE", 100)
    log = run(program, [MergeLinearMatMuls()])
    assert [s.reason for s in log.skipped] == [
        "the weights are too large to be multiplied while compiling"
    ]
