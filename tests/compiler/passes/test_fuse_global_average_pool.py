from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fuse_global_average_pool import FuseGlobalAveragePool
from mcompile.rules import run

TOLERANCE = 1e-6
"""Of the largest output: a float32 mean of a few numbers, in another order."""

MEAN = "y = ReduceMean(r, axes)"
AXES = {"axes": np.array([2, 3]), "w": np.linspace(-1, 1, 8, dtype=np.float32).reshape(4, 2, 1, 1)}


def net(text, shape="n,2,5,6"):
    return f"g (float[{shape}] x) => (y) {{ c = Conv(x, w) r = Relu(c) {text} }}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MEAN, ["y = GlobalAveragePool(r)"]),
        (MEAN.replace("axes", "back"), ["y = GlobalAveragePool(r)"]),
        (
            MEAN.replace("Mean(", "Mean<keepdims = 0>("),
            ["y_1 = GlobalAveragePool(r)", "y = Flatten(y_1)"],
        ),
    ],
)
def test_a_mean_over_all_positions_becomes_a_pool(parse, body, far, text, expected):
    program = parse(net(text), opset=18, **AXES, back=np.array([-1, -2]))
    before = graph.clone(program)
    log = run(program, [FuseGlobalAveragePool()])
    assert [(a.rule, a.node) for a in log.applied] == [("fuse_global_average_pool", "y")]
    assert body(program)[2:] == expected
    assert list(program.graph.graph.initializers) == ["w"]
    assert far(before, program) < TOLERANCE
    assert run(program, [FuseGlobalAveragePool()]).applied == ()


def test_axes_were_an_attribute_before_opset_18(parse, body, far):
    program = parse(net("y = ReduceMean<axes = [2, -1]>(r)"), opset=13, **AXES)
    before = graph.clone(program)
    run(program, [FuseGlobalAveragePool()])
    assert body(program)[2:] == ["y = GlobalAveragePool(r)"]
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize(
    "between",
    [
        "s = Sigmoid(c) r = Mul(c, s)",
        "p = MaxPool<kernel_shape = [2, 2]>(x) r = Relu(p)",
        "r = Concat<axis = 1>(c, x)",
    ],
)
def test_a_convolution_or_pool_further_up_counts(parse, far, between):
    program = parse(net(MEAN).replace("r = Relu(c)", between), opset=18, **AXES)
    before = graph.clone(program)
    assert len(run(program, [FuseGlobalAveragePool()]).applied) == 1
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize("axes", [[2], [1, 2, 3], [0, 2], [1], []])
def test_a_mean_over_something_else_stays(parse, axes):
    known = AXES | {"axes": np.array(axes, np.int64)}
    log = run(parse(net(MEAN), opset=18, **known), [FuseGlobalAveragePool()])
    assert (log.applied, log.skipped) == ((), ())


def test_a_mean_over_everything_and_one_of_whole_numbers_stay(parse):
    log = run(parse(net("y = ReduceMean(r)"), opset=18, **AXES), [FuseGlobalAveragePool()])
    assert (log.applied, log.skipped) == ((), ())
    text = "i = Cast<to = 6>(r) y = ReduceMean(i, axes)"
    log = run(parse(net(text), opset=18, **AXES), [FuseGlobalAveragePool()])
    assert (log.applied, log.skipped) == ((), ())


def test_one_dimension_of_positions_stays(parse):
    text = "g (float[n,2,5] x) => (y) { r = Conv(x, w) y = ReduceMean(r, axes) }"
    known = {"axes": np.array([2]), "w": AXES["w"][..., 0]}
    log = run(parse(text, opset=18, **known), [FuseGlobalAveragePool()])
    assert (log.applied, log.skipped) == ((), ())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "m = ReduceMean(r, axes) y = Sub(r, m)",
            "it is the mean of a norm",
        ),
        ("p = Mul(r, r) y = ReduceMean(p, axes)", "it is the mean of a norm"),
        ("p = Pow(r, two) y = ReduceMean(p, axes)", "it is the mean of a norm"),
        (
            "f = Transpose<perm = [0, 1, 3, 2]>(r) y = ReduceMean(f, axes)",
            "no convolution is in front of it, and then the mean is as fast",
        ),
        (
            "f = Reshape(r, shape) y = ReduceMean(f, axes)",
            "the number of dimensions of f is not known",
        ),
        ("y = ReduceMean(r, shape)", "shape is not a constant"),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    head = net(text).replace("x)", "x, int64[k] shape)", 1)
    program = parse(head, opset=18, two=np.float32(2), **AXES)
    before = body(program)
    log = run(program, [FuseGlobalAveragePool()])
    assert [(s.rule, s.reason) for s in log.skipped] == [("fuse_global_average_pool", reason)]
    assert log.applied == ()
    assert body(program) == before


def test_a_branch_pools_what_it_takes_from_outside(parse):
    program = parse(
        """g (float[2,2,5,6] x, bool k) => (y) {
            c = Conv(x, w)
            y = If (k) <
                then_branch = t () => (p) { p = ReduceMean<keepdims = 0>(c, axes) },
                else_branch = e () => (q) { q = ReduceMax<keepdims = 0>(c, axes) }
            >
        }""",
        opset=18,
        **AXES,
    )
    before = graph.clone(program)
    assert [a.node for a in run(program, [FuseGlobalAveragePool()]).applied] == ["p"]
    feeds = {"x": np.random.default_rng(0).random((2, 2, 5, 6), np.float32), "k": np.array(True)}
    want, got = Oracle(before).run(feeds)["y"], Oracle(program).run(feeds)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=TOLERANCE)


def test_a_mean_of_other_positions_would_be_seen(parse, far):
    program = parse(net(MEAN), opset=18, **AXES)
    run(program, [FuseGlobalAveragePool()])
    shifted = MEAN.replace("r,", "t,")
    text = "z = Slice(r, zero, one, last) t = Concat<axis = 3>(z, r) " + shifted
    more = {"zero": np.array([0]), "one": np.array([1]), "last": np.array([3])}
    assert far(parse(net(text), opset=18, **AXES, **more), program) > 10 * TOLERANCE


def test_half_precision_is_pooled(parse, far):
    known = {"axes": AXES["axes"], "w": AXES["w"].astype(np.float16)}
    program = parse(net(MEAN).replace("float[", "float16["), opset=18, **known)
    before = graph.clone(program)
    assert len(run(program, [FuseGlobalAveragePool()]).applied) == 1
    assert far(before, program) < 2e-3


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(1, 5), min_size=2, max_size=3),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
    st.integers(0, 1 << 16),
)
def test_any_image_is_pooled_to_the_same(positions, channels, kept, backwards, seed):
    shape = [2, channels, *positions]
    axes = np.arange(2, len(shape)) - (len(shape) if backwards else 0)
    rng = np.random.default_rng(seed)
    ones = [1 for _ in positions]
    known = {"axes": axes, "w": rng.standard_normal((3, channels, *ones), np.float32)}
    text = net(MEAN.replace("Mean(", f"Mean<keepdims = {int(kept)}>("), ",".join(map(str, shape)))
    program = graph.parse('<ir_version: 8, opset_import: ["" : 18]>' + text, known)
    graph.infer_shapes(program)
    before = graph.clone(program)
    assert len(run(program, [FuseGlobalAveragePool()]).applied) == 1
    x = {"x": rng.standard_normal(shape, np.float32)}
    want, got = Oracle(before).run(x)["y"], Oracle(program).run(x)["y"]
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=0, atol=5e-6 * float(np.abs(want).max() + 1))
