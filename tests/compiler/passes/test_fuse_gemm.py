from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fuse_gemm import FuseGemm
from mcompile.reference import random_feeds
from mcompile.rules import run

TOLERANCE = 1e-6
RNG = np.random.default_rng(0)
WEIGHTS = {
    "w": RNG.standard_normal((6, 5)).astype(np.float32),
    "b": RNG.standard_normal(5).astype(np.float32),
    "wide": RNG.standard_normal((1, 1, 5)).astype(np.float32),
    "one": np.float32([2.0]),
    "rows": RNG.standard_normal((4, 5)).astype(np.float32),
    "deep": RNG.standard_normal((1, 6, 5)).astype(np.float32),
}


def layer(text="p = MatMul(x, w) y = Add(p, b)", size="n,4,6", head="(y)"):
    return f"g (float[{size}] x) => {head} {{ {text} }}"


def shapes(program):
    return [
        graph.array(n.inputs[1]).tolist() for n in program.graph.graph if n.op_type == "Reshape"
    ]


@pytest.mark.parametrize(
    ("text", "size", "asked"),
    [
        ("p = MatMul(x, w) y = Add(p, b)", "n,4,6", [[-1, 6], [-1, 4, 5]]),
        ("p = MatMul(x, w) y = Add(b, p)", "2,n,6", [[-1, 6], [2, -1, 5]]),
        ("p = MatMul(x, w) y = Add(p, wide)", "2,3,4,6", [[-1, 6], [2, 3, 4, 5]]),
    ],
)
def test_all_rows_go_through_one_gemm(parse, body, far, text, size, asked):
    program = parse(layer(text, size), **WEIGHTS)
    before = graph.clone(program)
    log = run(program, [FuseGemm()])
    assert [(a.rule, a.node) for a in log.applied] == [("fuse_gemm", "y")]
    assert [line.split("(")[0] for line in body(program)] == [
        "y_flat = Reshape", "y_gemm = Gemm", "y = Reshape",
    ]  # fmt: skip
    assert shapes(program) == asked
    assert far(before, program) < TOLERANCE
    assert run(program, [FuseGemm()]).applied == ()


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("p = MatMul(x, w) y = Add(p, b)", "n,6"),
        ("p = MatMul(x, w) y = Add(p, rows)", "n,4,6"),
        ("p = MatMul(x, w) y = Add(p, one)", "n,4,6"),
        ("p = MatMul(x, deep) y = Add(p, b)", "n,4,6"),
        ("p = MatMul(x, w) y = Sub(p, b)", "n,4,6"),
        ("p = MatMul(x, w) q = Relu(p) y = Add(q, b)", "n,4,6"),
    ],
)
def test_where_it_has_no_say(parse, text, size):
    log = run(parse(layer(text, size), **WEIGHTS), [FuseGemm()])
    assert (log.applied, log.skipped) == ((), ())


def test_float64_and_a_weight_that_may_be_overridden_stay(parse):
    double = {k: WEIGHTS[k].astype(np.float64) for k in ("w", "b")}
    wide = parse(layer().replace("float[", "double["), **double)
    assert run(wide, [FuseGemm()]).applied == ()
    given_weight = parse(layer().replace(" x)", " x, float[6,5] w)"), b=WEIGHTS["b"])
    assert run(given_weight, [FuseGemm()]).applied == ()


@pytest.mark.parametrize(
    ("text", "size", "head", "reason"),
    [
        ("p = MatMul(x, w) y = Add(p, b) z = Relu(p)", "n,4,6", "(y, z)", "p has other readers"),
        ("z = MatMul(x, w) y = Add(z, b)", "n,4,6", "(y, z)", "z is an output"),
        ("p = MatMul(x, w) y = Add(p, b)", "n,m,6", "(y)",
         "more than one of the sizes before the last is only known at run time"),
    ],
)  # fmt: skip
def test_it_says_why_it_stays(parse, text, size, head, reason):
    log = run(parse(layer(text, size, head), **WEIGHTS), [FuseGemm()])
    assert (log.applied, [s.reason for s in log.skipped]) == ((), [reason])


def test_another_bias_would_be_seen(parse, far):
    one, other = (parse(layer(), **{**WEIGHTS, "b": WEIGHTS["b"] + k}) for k in (0, np.float32(1)))
    run(one, [FuseGemm()])
    assert far(other, one) > 0.05


def test_an_empty_batch_stays_empty(parse):
    program = parse(layer(), **WEIGHTS)
    run(program, [FuseGemm()])
    assert Oracle(program).run({"x": np.zeros((0, 4, 6), np.float32)})["y"].shape == (0, 4, 5)


def test_it_serves_onnxruntime_alone():
    assert FuseGemm().serves("onnxruntime")
    assert not FuseGemm().serves("openvino")


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=4),
    st.integers(1, 5), st.integers(1, 5), st.booleans(), st.integers(0, 99),
)  # fmt: skip
def test_any_stack_of_rows(leading, inner, columns, free, seed):
    rng = np.random.default_rng(seed)
    size = ",".join(["n" if free else str(leading[0]), *map(str, leading[1:]), str(inner)])
    weights = {"w": rng.standard_normal((inner, columns)), "b": rng.standard_normal(columns)}
    head = '<ir_version: 8, opset_import: ["" : 17]>'
    weights = {k: v.astype(np.float32) for k, v in weights.items()}
    program = graph.parse(head + layer(size=size), weights)
    graph.infer_shapes(program)
    before = graph.clone(program)
    assert len(run(program, [FuseGemm()]).applied) == 1
    feeds = random_feeds(before, seed)
    want, got = Oracle(before).run(feeds)["y"], Oracle(program).run(feeds)["y"]
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
