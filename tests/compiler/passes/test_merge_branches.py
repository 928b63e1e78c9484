from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.merge_branches import MergeBranches
from mcompile.rules import run

TOLERANCE = 3e-6
"""Of the largest output: float32 sums of up to a hundred products."""


def weights(*shape, seed=1, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def norm(channels):
    names = ("gamma", "beta", "mean")
    given = {n: weights(channels, seed=k) for k, n in enumerate(names)}
    return given | {"var": np.random.default_rng(9).uniform(0.1, 2, channels).astype(np.float32)}


PADDED = "<pads = [1, 1, 1, 1]>"
REPVGG = f"""g (float[2,4,6,6] x) => (float[2,4,6,6] y) {{
    r = Relu(x) a = Conv{PADDED}(r, w3, b) c = Conv(r, w1)
    n = BatchNormalization(r, gamma, beta, mean, var) s = Add(a, c) t = Add(s, n) y = Relu(t)
}}"""
GIVEN = {"w3": weights(4, 4, 3, 3), "w1": weights(4, 4, 1, 1, seed=2), "b": weights(4), **norm(4)}


def test_the_block_of_repvgg_becomes_one_conv(parse, body, far):
    program = parse(REPVGG, **GIVEN)
    before = graph.clone(program)
    log = run(program, [MergeBranches()])
    assert [(a.rule, a.node) for a in log.applied] == [("merge_branches", "t")]
    assert body(program) == ["r = Relu(x)", "t_1 = Conv(r, w3_merged, w3_bias)", "y = Relu(t_1)"]
    assert list(program.graph.graph.initializers) == ["w3_merged", "w3_bias"]
    assert far(before, program) < TOLERANCE
    assert run(program, [MergeBranches()]).applied == ()


@pytest.mark.parametrize("name", ["w3_merged", "w3_bias"])
def test_one_wrong_weight_would_be_seen(parse, far, name):
    program = parse(REPVGG, **GIVEN)
    before = graph.clone(program)
    run(program, [MergeBranches()])
    value = program.graph.graph.initializers[name]
    wrong = np.array(graph.array(value))
    wrong.flat[0] += 1e-2
    value.const_value = ir.tensor(wrong, name=name)
    assert far(before, program) > 10 * TOLERANCE


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"a = Conv{PADDED}(x, w3) y = Add(a, x)", 1),
        (f"a = Conv{PADDED}(x, w3) s = Add(x, a) y = Add(s, x)", 1),
        ("a = Conv(x, w1) c = Conv(x, v1) y = Add(a, c)", 1),
        (
            f"a = Conv{PADDED}(x, w3) c = Conv<pads = [1,0,1,0]>(x, h3)"
            " d = Conv<pads = [0,1,0,1]>(x, v3) s = Add(a, c) y = Add(s, d)",
            1,
        ),
        (
            "a = Conv<strides = [2, 2], pads = [1, 1, 1, 1]>(x, w3)"
            " c = Conv<strides = [2, 2]>(x, w1) y = Add(a, c)",
            1,
        ),
        (
            "a = Conv<dilations = [2, 2], pads = [2, 2, 2, 2]>(x, w3) c = Conv(x, w1)"
            " y = Add(a, c)",
            1,
        ),
        ("a = Conv<group = 2, pads = [1, 1, 1, 1]>(x, g3, b) y = Add(a, x)", 1),
        ('a = Conv<auto_pad = "VALID">(x, w1) c = Conv(x, v1) y = Add(a, c)', 1),
        (f"k = Neg(x) a = Conv{PADDED}(x, w3) s = Add(a, k) c = Conv(x, w1) y = Add(s, c)", 3),
        (
            f"k = Neg(x) a = Conv{PADDED}(x, w3) c = Conv{PADDED}(k, u3) d = Conv(x, w1)"
            " e = Conv(k, v1) s = Add(a, c) t = Add(d, e) y = Add(s, t)",
            4,
        ),
        (
            "a = Conv<strides = [2, 2]>(x, w1) c = Conv<strides = [2, 2]>(x, v1)"
            " m = MaxPool<kernel_shape = [1, 1], strides = [2, 2]>(x) s = Add(m, a) y = Add(s, c)",
            3,
        ),
    ],
)
def test_every_kind_of_branch(parse, far, text, left):
    program = parse(
        f"g (float[2,4,7,7] x) => (float[2,4,h,v] y) {{ {text} }}",
        **GIVEN,
        u3=weights(4, 4, 3, 3, seed=3),
        v1=weights(4, 4, 1, 1, seed=4),
        h3=weights(4, 4, 3, 1, seed=5),
        v3=weights(4, 4, 1, 3, seed=6),
        g3=weights(4, 2, 3, 3, seed=7),
    )
    before = graph.clone(program)
    assert run(program, [MergeBranches()]).applied
    assert len(list(program.graph.graph)) == left
    assert far(before, program) < TOLERANCE
    assert run(program, [MergeBranches()]).applied == ()


UNLIKE = "the branches differ in stride, dilation, groups, channels or size"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = Conv(x, w1) c = Conv(x, one) y = Add(a, c)", UNLIKE),
        ("a = Conv(x, w3) c = Conv(x, one3) y = Add(a, c)", UNLIKE),
        ("a = Conv<group = 2>(x, half) c = Conv(x, w1) y = Add(a, c)", UNLIKE),
        (
            'a = Conv<auto_pad = "SAME_UPPER">(x, w3) c = Conv(x, w1) y = Add(a, c)',
            UNLIKE,
        ),
        (
            "a = Conv<dilations = [2, 2], pads = [2, 2, 2, 2]>(x, w3)"
            " c = Conv<pads = [1, 1, 1, 1]>(x, u3) y = Add(a, c)",
            UNLIKE,
        ),
        (
            "a = Conv<pads = [1,0,1,0]>(x, h3) c = Conv<pads = [0,1,0,1]>(x, v3) y = Add(a, c)",
            "the one would take more multiplications than the branches",
        ),
        ("a = Conv(x, w1, k) c = Conv(x, v1) y = Add(a, c)", "k is not a constant"),
        (
            "a = Conv(x, w1) c = Conv(x, v1) d = Add(a, c) e = Conv(d, w1) y = Relu(e)",
            "the weights w1 have other readers",
        ),
        (
            "a = Conv(x, huge) c = Conv(x, huge2) y = Add(a, c)",
            "the merged weights do not fit their type",
        ),
        ("a = Conv(x, w1) c = Conv(x, v1) d = Add(a, c) e = Neg(a) y = Add(d, e)", None),
        ("a = Conv(x, w1) y = Add(a, x) z = Relu(a)", None),
        ("a = Conv(x, w1) n = Neg(x) c = Conv(n, v1) y = Add(a, c)", None),
        ("a = Conv(x, w1) y = Add(a, two)", None),
        ("a = Relu(x) y = Add(a, x)", None),
        ("a = Conv(x, w1) m = Mul(a, two) c = Conv(x, v1) y = Add(m, c)", None),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    ends = "y, z" if "z = " in text else "y"
    program = parse(
        f"g (float[2,4,7,7] x, float[4] k) => ({ends}) {{ {text} }}",
        **GIVEN,
        u3=weights(4, 4, 3, 3, seed=3),
        v1=weights(4, 4, 1, 1, seed=4),
        h3=weights(4, 4, 3, 1, seed=5),
        v3=weights(4, 4, 1, 3, seed=6),
        one=weights(1, 4, 1, 1),
        one3=weights(1, 4, 3, 3),
        half=weights(4, 2, 1, 1),
        huge=np.full((4, 4, 1, 1), 2e38, np.float32),
        huge2=np.full((4, 4, 1, 1), 2.1e38, np.float32),
        two=np.float32(2),
    )
    before = body(program)
    log = run(program, [MergeBranches()])
    assert [s.reason for s in log.skipped] == ([reason] if reason else [])
    assert log.applied == ()
    assert body(program) == before


def test_inside_of_a_branch_it_is_merged(parse, far):
    program = parse(
        """g (float[1,4,6,6] x, bool k) => (float[1,4,6,6] y) {
            y = If (k) <
                then_branch = t () => (float[1,4,6,6] p) {
                    a = Conv<pads = [1, 1, 1, 1]>(x, w3) c = Conv(x, w1) p = Add(a, c)
                },
                else_branch = e () => (float[1,4,6,6] q) { q = Relu(x) }
            >
        }""",
        **GIVEN,
    )
    before = graph.clone(program)
    assert [a.node for a in run(program, [MergeBranches()]).applied] == ["p"]
    assert far(before, program) < TOLERANCE


def test_half_precision_is_merged_as_such(parse, far):
    half = {k: v.astype(np.float16) for k, v in GIVEN.items()}
    program = parse(REPVGG.replace("float", "float16"), **half)
    before = graph.clone(program)
    assert len(run(program, [MergeBranches()]).applied) == 1
    assert far(before, program) < 1e-2


@st.composite
def kernels(draw):
    """Taps and the padding at the front that keeps the size, for one to four branches."""
    return draw(
        st.lists(
            st.tuples(st.sampled_from([1, 3, 5]), st.sampled_from([1, 3, 5])),
            min_size=1,
            max_size=4,
        )
    )


@settings(max_examples=40, deadline=None, derandomize=True)
@given(kernels(), st.sampled_from([1, 2, 4]), st.booleans(), st.booleans(), st.integers(1, 2))
def test_any_sum_computes_the_same_after(taps, group, plain, biased, stride):
    assume(len(taps) > 1 or (plain and stride == 1))
    box = max(h for h, _ in taps) * max(w for _, w in taps)
    assume(box <= sum(h * w for h, w in taps))
    lines, given_weights, total = [], {"b": weights(4)}, "x" if plain and stride == 1 else ""
    for k, (h, w) in enumerate(taps):
        given_weights[f"w{k}"] = weights(4, 4 // group, h, w, seed=k)
        pads = [h // 2, w // 2, h // 2, w // 2]
        slides = f"group = {group}, strides = {[stride] * 2}, pads = {pads}"
        lines.append(f"c{k} = Conv<{slides}>(x, w{k}{', b' if biased else ''})")
        if total:
            lines.append(f"s{k} = Add({total}, c{k})")
        total = f"s{k}" if total else f"c{k}"
    text = f"""<ir_version: 8, opset_import: ["" : 15]>
    g (float[n,4,7,7] x) => (float[n,4,h,v] y) {{ {" ".join(lines)} y = Relu({total}) }}"""
    program = graph.parse(text, given_weights)
    before = graph.clone(program)
    assert len(run(program, [MergeBranches()]).applied) == 1
    assert [n.op_type for n in program.graph.graph] == ["Conv", "Relu"]
    x = {"x": weights(2, 4, 7, 7, seed=20)}
    want, got = Oracle(before).run(x)["y"], Oracle(program).run(x)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * float(np.abs(want).max() + 1))
