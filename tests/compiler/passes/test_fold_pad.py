from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fold_pad import FoldPad
from mcompile.rules import run

TOLERANCE = 1e-6
"""Of the largest output: the same products in another order."""
PADS = np.array([0, 0, 1, 2, 0, 0, 3, 0])
LOWEST = np.float32(-np.inf)


def weights(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


W = weights(4, 3, 5, 5)


def test_a_conv_pads_itself(parse, body, far):
    program = parse(
        """g (float[2,3,6,6] x) => (float[2,4,n,m] y) {
            p = Pad(x, pads) y = Conv<pads = [1, 0, 0, 1]>(p, w)
        }""",
        w=W,
        pads=PADS,
    )
    before = graph.clone(program)
    log = run(program, [FoldPad()])
    assert [(a.rule, a.node) for a in log.applied] == [("fold_pad", "y")]
    assert body(program) == ["y = Conv(x, w)"]
    assert list(program.graph.graph.node(0).attributes["pads"].as_ints()) == [2, 2, 3, 1]
    assert far(before, program) < TOLERANCE
    assert run(program, [FoldPad()]).applied == ()


def test_a_wrong_padding_would_be_seen(parse, far):
    program = parse(
        "g (float[2,3,6,6] x) => (y) { p = Pad(x, pads) y = Conv(p, w) }", w=W, pads=PADS
    )
    other = parse(
        "g (float[2,3,6,6] x) => (y) { p = Pad(x, pads) y = Conv(p, w) }",
        w=W,
        pads=np.array([0, 0, 3, 0, 0, 0, 1, 2]),
    )
    run(program, [FoldPad()])
    assert far(other, program) > 10 * TOLERANCE


@pytest.mark.parametrize(
    ("pad", "layer"),
    [
        ("Pad(x, pads, zero)", 'Conv<auto_pad = "VALID">(p, w)'),
        ("Pad<mode = 'constant'>(x, pads, zero)".replace("'", '"'), "Conv<strides = [2, 2]>(p, w)"),
        ("Pad(x, pads, low)", "MaxPool<kernel_shape = [4, 4]>(p)"),
        ("Pad(x, pads, min)", "MaxPool<kernel_shape = [5, 4], pads = [1, 0, 1, 1]>(p)"),
        ("Pad(x, pads)", "AveragePool<kernel_shape = [4, 4]>(p)"),
        (
            "Pad(x, pads)",
            "AveragePool<kernel_shape = [5, 4], pads = [1, 0, 1, 1], count_include_pad = 1>(p)",
        ),
        ("Pad(x, few, zero, axes)", "Conv(p, w)"),
    ],
)
def test_every_layer_that_pads(parse, far, pad, layer):
    program = parse(
        f"g (float[2,3,6,6] x) => (y) {{ p = {pad} y = {layer} }}",
        opset=18,
        w=W,
        pads=PADS,
        few=np.array([1, 2, 3, 0]),
        axes=np.array([2, -1]),
        zero=np.float32(0),
        low=LOWEST,
        min=np.finfo(np.float32).min,
    )
    before = graph.clone(program)
    assert len(run(program, [FoldPad()]).applied) == 1
    assert len(list(program.graph.graph)) == 1
    assert far(before, program) < TOLERANCE


def test_before_opset_11_the_padding_is_an_attribute(parse, far):
    program = parse(
        "g (float[2,3,6,6] x) => (y) { p = Pad<pads = [0,0,1,1,0,0,2,2]>(x) y = Conv(p, w) }",
        opset=10,
        w=W,
    )
    before = graph.clone(program)
    assert len(run(program, [FoldPad()]).applied) == 1
    assert far(before, program) < TOLERANCE


CONV = "y = Conv(p, w)"
UP = "the last window of a pool that rounds up may start in the padding"
ALONE = "a window may lie in the padding alone"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"p = Pad(x, pads) {CONV} z = Relu(p)", "p has other readers"),
        ("z = Pad(x, pads) y = Conv(z, w)", "z is an output"),
        (f"p = Pad(x, pads, one) {CONV}", "it pads with 1, and a convolution with 0"),
        (
            f"p = Pad(x, pads, u) {CONV}",
            "it pads with a number only known at run time, and a convolution with 0",
        ),
        (f"p = Pad(x, k) {CONV}", "how much is padded is only known at run time"),
        (
            f'p = Pad<mode = "edge">(x, pads) {CONV}',
            "it pads with a copy of what is there, not with a constant",
        ),
        (f"p = Pad(x, negative) {CONV}", "a negative padding cuts off"),
        ("p = Pad(x, batch) y = Conv(p, w)", "batch or channels are padded"),
        (
            'p = Pad(x, pads) y = Conv<auto_pad = "SAME_UPPER">(p, w)',
            "the layer pads by the size of its input",
        ),
        (
            "p = Pad(x, pads) y = MaxPool<kernel_shape = [4, 4]>(p)",
            "it pads with 0, and a MaxPool with the lowest number",
        ),
        (
            "p = Pad(x, pads, low) y, z = MaxPool<kernel_shape = [4, 4]>(p)",
            "the indices of the maxima are read",
        ),
        ("p = Pad(x, pads, low) y = MaxPool<kernel_shape = [3, 3]>(p)", ALONE),
        ("p = Pad(x, pads, low) y = MaxPool<kernel_shape = [4, 4], ceil_mode = 1>(p)", UP),
        (
            "p = Pad(x, pads, low) y = MaxPool<kernel_shape = [4, 3], dilations = [1, 2]>(p)",
            ALONE,
        ),
        (
            "p = Pad(x, pads, one) y = AveragePool<kernel_shape = [4, 4]>(p)",
            "it pads with 1, and an AveragePool with 0",
        ),
        (
            "p = Pad(x, pads) y = AveragePool<kernel_shape = [5, 4], pads = [1, 0, 0, 0]>(p)",
            "the pool counts the zeros of the Pad and not its own",
        ),
        ("p = Pad(x, pads) y = AveragePool<kernel_shape = [4, 4], ceil_mode = 1>(p)", UP),
        ("p = Relu(x) y = Conv(p, w)", None),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    ends = "y, z" if "z = " in text else "y"
    program = parse(
        f"g (float[2,3,6,6] x, int64[8] k, float u) => ({ends}) {{ {text} }}",
        w=W,
        pads=PADS,
        negative=np.array([0, 0, 1, -1, 0, 0, 1, 1]),
        batch=np.array([1, 0, 0, 0, 0, 0, 0, 0]),
        one=np.float32(1),
        low=LOWEST,
    )
    before = body(program)
    log = run(program, [FoldPad()])
    assert [s.reason for s in log.skipped] == ([reason] if reason else [])
    assert log.applied == ()
    assert body(program) == before


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.sampled_from(["Conv", "MaxPool", "AveragePool"]),
    st.lists(st.integers(0, 2), min_size=4, max_size=4),
    st.lists(st.integers(0, 1), min_size=4, max_size=4),
    st.integers(1, 2),
)
def test_any_padding_computes_the_same_after(op, added, own, stride):
    plain = f"strides = {[stride] * 2}, pads = {own}"
    pool = f"kernel_shape = [4, 4], {plain}"
    layer = {
        "Conv": f"Conv<{plain}>(p, w)",
        "MaxPool": f"MaxPool<{pool}>(p)",
        "AveragePool": f"AveragePool<{pool}, count_include_pad = 1>(p)",
    }[op]
    text = f"""<ir_version: 8, opset_import: ["" : 15]>
    g (float[2,3,6,6] x) => (y) {{ p = Pad(x, pads, v) y = {layer} }}"""
    pads = np.array([0, 0, *added[:2], 0, 0, *added[2:]])
    value = LOWEST if op == "MaxPool" else np.float32(0)
    program = graph.parse(text, {"w": W, "pads": pads, "v": value})
    graph.infer_shapes(program)
    before = graph.clone(program)
    assert len(run(program, [FoldPad()]).applied) == 1
    x = {"x": weights(2, 3, 6, 6, seed=sum(added))}
    want, got = Oracle(before).run(x)["y"], Oracle(program).run(x)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5)
