"""A program run piece by piece gives what it gives as a whole."""

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize.walk import Walk

from .nets import residual, samples

STOPS = ["a0", "b", "p", "c0", "y"]


def fed(program, count=3):
    return [dict(s.feeds) for s in samples(program, count)]


def test_every_stop_holds_what_the_whole_program_computes():
    program = residual()
    feeds = fed(program)
    whole = Oracle(program, STOPS)
    walk = Walk(program, STOPS, feeds)
    for stop in STOPS:
        for found, given in zip(walk.to(stop), feeds, strict=True):
            np.testing.assert_allclose(found, whole.run(given)[stop], rtol=1e-5, atol=1e-6)


def test_a_changed_value_is_what_later_stops_see():
    program = residual()
    feeds = fed(program, 1)
    walk = Walk(program, ["a0", "y"], feeds)
    walk.to("a0")
    walk.held[0]["a0"] = np.zeros_like(walk.held[0]["a0"])
    zero = graph.clone(program)
    for name in ("w1", "b1"):
        held = zero.graph.graph.initializers[name]
        held.const_value = ir.tensor(np.zeros_like(held.const_value.numpy()), name=name)
    np.testing.assert_allclose(walk.to("y")[0], Oracle(zero).run(feeds[0])["y"], atol=1e-6)


def test_an_input_is_a_stop_too():
    program = residual()
    feeds = fed(program, 1)
    walk = Walk(program, ["x", "y"], feeds)
    np.testing.assert_array_equal(walk.to("x")[0], feeds[0]["x"])


def test_what_nobody_needs_any_more_is_not_held():
    walk = Walk(residual(), STOPS, fed(residual()))
    for stop in STOPS:
        walk.to(stop)
    assert set(walk.held[0]) == {"y"}


@pytest.mark.parametrize(("limit", "left"), [(1 << 28, 3), (20_000, 3), (10_000, 2), (1, 2)])
def test_samples_are_let_go_where_memory_is_short_but_never_the_first(limit, left):
    walk = Walk(residual(), STOPS, fed(residual()), limit)
    assert len(walk.to("a0")) == left


def test_what_a_branch_reads_is_kept_for_it():
    program = graph.parse(
        """<ir_version: 9, opset_import: ["": 17]>
        net (float[2] x, bool c) => (float[2] y) {
          h = Neg(x)
          k = Exp(h)
          y = If (c) <
            then_branch = t () => (float[2] o) { o = Add(h, k) },
            else_branch = e () => (float[2] p) { p = Sub(h, k) }
          >
        }"""
    )
    graph.infer_shapes(program)
    feeds = {"x": np.array([1.0, 2.0], np.float32), "c": np.array(True)}
    walk = Walk(program, ["k", "y"], [feeds])
    walk.to("k")
    np.testing.assert_allclose(walk.to("y")[0], Oracle(program).run(feeds)["y"])
