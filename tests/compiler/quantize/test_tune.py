"""Lanes tuned by foretold noise: equal outputs, better integers, and left alone where that pays."""

import numpy as np
import pytest

from mcompile import graph
from mcompile.quantize import observe
from mcompile.quantize.tune import tuned

from .chains import block, chain, gap, sqnr
from .nets import SCHEME, samples


def fed(source, count=16):
    return [s.feeds for s in samples(source, count)]


@pytest.mark.parametrize("make", [chain, block])
def test_outputs_are_equal_and_integers_are_better(make):
    source = make()
    ranges = observe(source, samples(source, 16))
    program, found, _ = tuned(source, ranges, SCHEME, fed(source))
    assert gap(source, program, samples(source, 4, seed=3)) < 1e-5
    assert len(list(program.graph.graph)) == len(list(source.graph.graph))
    held_out = samples(source, 12, seed=9)
    plain = sqnr(source, source, ranges, SCHEME, held_out)
    assert sqnr(source, program, found, SCHEME, held_out) > plain + 3


def test_channels_that_are_alike_are_left_alone():
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[1,8,6,6] x) => (float[1,8,6,6] y) { a = Conv(x, w) b = Relu(a) y = Conv(b, w) }"""
    weight = np.eye(8, dtype=np.float32).reshape(8, 8, 1, 1) + np.float32(0.1)
    source = graph.parse(text, {"w": weight})
    graph.infer_shapes(source)
    assert tuned(source, observe(source, samples(source)), SCHEME, fed(source)) is None


def test_without_samples_nothing_is_promised():
    source = chain()
    assert tuned(source, observe(source, samples(source)), SCHEME, []) is None


def test_a_channel_that_one_sample_alone_wakes_is_not_magnified():
    """Each of eight channels is awake on one sample of eight: unseen ones would be clipped."""
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[1,8] x) => (float[1,8] y) { a = Gemm(x, one) b = Relu(a) y = Gemm(b, w) }"""
    rng = np.random.default_rng(0)
    weights = {"one": np.eye(8), "w": rng.standard_normal((8, 8))}
    source = graph.parse(text, {n: a.astype(np.float32) for n, a in weights.items()})
    graph.infer_shapes(source)
    size = rng.uniform(0.2, 5.0, 8)
    rows = [
        {"x": np.where(np.arange(8) == k, size, 0.01)[None].astype(np.float32)} for k in range(8)
    ]
    many = [{"x": (size * rng.uniform(0.9, 1.0, 8))[None].astype(np.float32)} for _ in range(8)]

    def spread(feeds):
        made = tuned(source, _observed(source, feeds), SCHEME, feeds)
        if made is None:
            return 0.0
        return np.ptp(np.log(np.diag(graph.array(made[0].graph.graph.initializers["one"]))))

    assert spread(rows) < spread(many) / 2


def _observed(source, feeds):
    from mcompile.types import Sample, Samples

    return observe(source, Samples("rows", lambda: (Sample(f) for f in feeds), len(feeds)))
