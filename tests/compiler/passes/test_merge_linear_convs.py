from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.merge_linear_convs import MergeLinearConvs
from mcompile.rules import run

TOLERANCE = 3e-6
"""Of the largest output: float32 sums of up to a few hundred products."""


def weights(*shape, seed=1, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


POINTS = "g (float[2,3,6,6] x) => (float[2,4,6,6] y) { c = Conv(x, a, p) y = Conv(c, b, q) }"
GIVEN = {
    "a": weights(8, 3, 1, 1),
    "b": weights(4, 8, 1, 1, seed=2),
    "p": weights(8),
    "q": weights(4),
}


def test_two_points_become_one(parse, body, far):
    program = parse(POINTS, **GIVEN)
    before = graph.clone(program)
    log = run(program, [MergeLinearConvs()])
    assert [(a.rule, a.node) for a in log.applied] == [("merge_linear_convs", "y")]
    assert body(program) == ["y = Conv(x, a_merged, a_bias)"]
    assert list(program.graph.graph.initializers) == ["a_merged", "a_bias"]
    assert far(before, program) < TOLERANCE
    assert run(program, [MergeLinearConvs()]).applied == ()


@pytest.mark.parametrize("name", ["a_merged", "a_bias"])
def test_one_wrong_weight_would_be_seen(parse, far, name):
    program = parse(POINTS, **GIVEN)
    before = graph.clone(program)
    run(program, [MergeLinearConvs()])
    value = program.graph.graph.initializers[name]
    wrong = np.array(graph.array(value))
    wrong.flat[0] += 1e-2
    value.const_value = ir.tensor(wrong, name=name)
    assert far(before, program) > 10 * TOLERANCE


WIDE = "<pads = [1, 1, 1, 1], strides = [2, 2], dilations = [1, 2], kernel_shape = [3, 3]>"


@pytest.mark.parametrize(
    ("first", "second", "shapes"),
    [
        (f"Conv{WIDE}(x, a, p)", "Conv<kernel_shape = [1, 1]>(c, b)", [(8, 3, 3, 3), (4, 8, 1, 1)]),
        (f"Conv{WIDE}(x, a)", "Conv(c, b, q)", [(8, 3, 3, 3), (4, 8, 1, 1)]),
        ("Conv(x, a, p)", "Conv<strides = [2, 1]>(c, b, q)", [(8, 3, 1, 1), (4, 8, 3, 2)]),
        ("Conv(x, a)", f"Conv{WIDE}(c, b, q)", [(8, 3, 1, 1), (4, 8, 3, 3)]),
        ("Conv(x, a)", "Conv(c, b)", [(8, 3, 1, 1), (4, 8, 1, 1)]),
    ],
)
def test_a_point_joins_the_conv_on_either_side(parse, far, first, second, shapes):
    program = parse(
        f"g (float[2,3,7,7] x) => (float[2,4,h,v] y) {{ c = {first} y = {second} }}",
        **GIVEN | {"a": weights(*shapes[0]), "b": weights(*shapes[1])},
    )
    before = graph.clone(program)
    assert len(run(program, [MergeLinearConvs()]).applied) == 1
    assert len(list(program.graph.graph)) == 1
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("c = Conv(x, a) y = Conv(c, b) z = Relu(c)", "c has other readers"),
        ("z = Conv(x, a) y = Conv(z, b)", "z is an output"),
        ("c = Conv(x, a, u) y = Conv(c, b) z = Relu(x)", "u is not a constant"),
        ("c = Conv(x, a) y = Conv(c, b) z = Conv(x, a)", "the weights a have other readers"),
        (
            "c = Conv(x, a, p) y = Conv<pads = [1, 1, 1, 1]>(c, wide) z = Relu(x)",
            "the second pads with zeros, which the bias of the first is not",
        ),
        (
            "c = Conv(x, narrow) y = Conv(c, back) z = Relu(x)",
            "the one would take more multiplications than the two",
        ),
        (
            "c = Conv(x, huge) y = Conv(c, huger) z = Relu(x)",
            "the merged weights might not fit their type",
        ),
        ("c = Conv(x, a) y = Conv<group = 2>(c, half) z = Relu(x)", None),
        ("c = Conv(x, v) y = Conv(c, b) z = Relu(x)", None),
        ("c = Conv(x, square) y = Conv(c, wide3) z = Relu(x)", None),
        ("c = Conv(x, a) d = Relu(c) y = Conv(d, b) z = Relu(x)", None),
        ("c = Conv(x, a) d = Conv(c, b) y = Mul(d, two) z = Relu(x)", None),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    program = parse(
        f"g (float[2,3,6,6] x, float[8,3,1,1] v, float[8] u) => (y, z) {{ {text} }}",
        **GIVEN,
        wide=weights(4, 8, 3, 3),
        narrow=weights(1, 3, 1, 1),
        back=weights(8, 1, 1, 1),
        half=weights(4, 4, 1, 1),
        square=weights(3, 3, 3, 3),
        wide3=weights(3, 3, 3, 3, seed=4),
        huge=weights(8, 3, 1, 1) * np.float32(1e25),
        huger=weights(4, 8, 1, 1) * np.float32(1e25),
        two=np.float32(2),
    )
    before = body(program)
    log = run(program, [MergeLinearConvs()])
    assert [s.reason for s in log.skipped] == ([reason] if reason else [])
    assert log.applied == ()
    assert body(program) == before


def test_a_conv_that_a_branch_reads_from_outside_stays(parse):
    program = parse(
        """g (float[1,3,6,6] x, bool k) => (y) {
            c = Conv(x, a)
            y = If (k) <
                then_branch = t () => (p) { p = Conv(c, b) },
                else_branch = e () => (q) { q = Relu(x) }
            >
        }""",
        a=GIVEN["a"],
        b=GIVEN["b"],
    )
    log = run(program, [MergeLinearConvs()])
    assert [s.reason for s in log.skipped] == ["c is computed outside of this branch"]


def test_half_precision_is_merged_as_such(parse, far):
    half = {k: v.astype(np.float16) for k, v in GIVEN.items()}
    program = parse(POINTS.replace("float", "float16"), **half)
    before = graph.clone(program)
    assert len(run(program, [MergeLinearConvs()]).applied) == 1
    assert far(before, program) < 5e-3


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.integers(1, 4),
    st.integers(4, 8),
    st.integers(1, 4),
    st.lists(st.integers(1, 3), min_size=2, max_size=2),
    st.booleans(),
    st.integers(1, 2),
    st.sampled_from(["", "first", "second", "both"]),
)
def test_any_pair_computes_the_same_after(inner, middle, outer, kernel, ahead, stride, biased):
    wide = f"Conv<strides = {[stride] * 2}>"
    first, second = ("Conv", wide) if ahead else (wide, "Conv")
    kernels = [(1, 1), tuple(kernel)] if ahead else [tuple(kernel), (1, 1)]
    p = ", p" if biased in ("first", "both") else ""
    q = ", q" if biased in ("second", "both") else ""
    text = f"""<ir_version: 8, opset_import: ["" : 15]>
    g (float[n,{inner},6,6] x) => (float[n,k,h,v] y) {{
        c = {first}(x, a{p}) y = {second}(c, b{q})
    }}"""
    given_weights = {
        "a": weights(middle, inner, *kernels[0]),
        "b": weights(outer, middle, *kernels[1], seed=2),
    }
    given_weights |= {"p": weights(middle, seed=3)} if p else {}
    given_weights |= {"q": weights(outer, seed=4)} if q else {}
    program = graph.parse(text, given_weights)
    before = graph.clone(program)
    assert len(run(program, [MergeLinearConvs()]).applied) == 1
    x = {"x": weights(2, inner, 6, 6, seed=5)}
    want, got = Oracle(before).run(x)["y"], Oracle(program).run(x)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * float(np.abs(want).max() + 1))


def test_weights_too_large_to_multiply_are_left_alone(monkeypatch):
    program = graph.parse(
        '<ir_version: 8, opset_import: ["": 17]>'
        "g (float[1,8,2,2] x) => (float[1,8,2,2] y) { a = Conv(x, w) y = Conv(a, v) }",
        {"w": np.ones((8, 8, 1, 1), np.float32), "v": np.ones((8, 8, 1, 1), np.float32)},
    )
    monkeypatch.setattr(graph, "MAPPED_ABOVE", 100)
    log = run(program, [MergeLinearConvs()])
    assert [s.reason for s in log.skipped] == [
        "the weights are too large to be multiplied while compiling"
    ]
