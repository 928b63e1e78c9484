"""Cross-layer equalization: equal outputs, weights and channels alike, better integers."""

import numpy as np
import pytest

from mcompile import graph
from mcompile.quantize import observe
from mcompile.quantize.equalize import equalize, is_depthwise, level, migrated, reach
from mcompile.quantize.lanes import lanes
from mcompile.quantize.scaling import Scaling

from .chains import chain, gap, sqnr
from .nets import SCHEME, residual, samples

MADE = {"weights": equalize, "values": lambda *a: level(*a, exponent=1.0)}


@pytest.fixture(scope="module")
def observed():
    source = chain(spread=1.5)
    return source, observe(source, samples(source, 16))


def peaks(program, side):
    scaling = Scaling(program)
    return [
        reach(scaling, each, list(each.makers() if side == "made" else each.readers()))
        for each in lanes(scaling.graph)
    ]


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_outputs_are_equal_and_no_op_is_added(observed, make):
    source, ranges = observed
    program, *_ = make(source, ranges, SCHEME)
    assert gap(source, program, samples(source, 4, seed=3)) < 1e-5
    assert [n.op_type for n in program.graph.graph] == [n.op_type for n in source.graph.graph]


def test_weights_on_both_sides_of_a_channel_are_alike(observed):
    source, ranges = observed
    program, *_ = equalize(source, ranges, SCHEME)
    for made, read in zip(peaks(program, "made"), peaks(program, "read"), strict=True):
        np.testing.assert_allclose(made, read, rtol=0.01)
    before = zip(peaks(source, "made"), peaks(source, "read"), strict=True)
    assert any(np.abs(np.log(made / read)).max() > 1 for made, read in before)


def test_channels_reach_alike_with_an_exponent_of_one(observed):
    source, ranges = observed
    _, found, _ = level(source, ranges, SCHEME, exponent=1.0)
    was = ranges["a"].channels[1].reach()
    now = found["a"].channels[1].reach()
    # One that hardly reached anything is not magnified all the way.
    assert np.ptp(np.log(now[was > np.median(was) / 16])) < 1e-3
    assert np.ptp(np.log(was)) > 2


def test_channels_of_different_size_keep_their_precision(observed):
    source, ranges = observed
    held_out = samples(source, 12, seed=9)
    few = [s.feeds for s in samples(source, 8)]
    plain = sqnr(source, source, ranges, SCHEME, held_out)
    program, found, _ = level(source, ranges, SCHEME, few, exponent=1.0)
    assert sqnr(source, program, found, SCHEME, held_out) > plain + 3


def test_a_depthwise_reader_costs_nothing_and_takes_all(observed):
    source, ranges = observed
    program, found, _ = level(source, ranges, SCHEME, exponent=0.0)
    now = found["a"].channels[1].reach()
    was = ranges["a"].channels[1].reach()
    assert np.ptp(np.log(now[was > np.median(was) / 16])) < 1e-3
    kinds = [is_depthwise(e) for s in lanes(program.graph.graph) for e in s.readers()]
    assert kinds == [True, False, False]


def test_a_residual_stream_is_equalized_as_one():
    source = residual(2)
    ranges = observe(source, samples(source))
    for made in (equalize(source, ranges, SCHEME), level(source, ranges, SCHEME, exponent=0.5)):
        assert gap(source, made[0], samples(source, 4, seed=3)) < 1e-5


def test_a_clip_between_two_layers_stands_in_the_way():
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[1,4,6,6] x) => (float[1,4,6,6] y) {
      a = Conv(x, w) b = Clip(a, zero, six) y = Conv(b, w)
    }"""
    rng = np.random.default_rng(0)
    weights = {"w": rng.standard_normal((4, 4, 1, 1)).astype(np.float32)}
    weights |= {"zero": np.float32(0), "six": np.float32(6)}
    source = graph.parse(text, weights)
    graph.infer_shapes(source)
    ranges = observe(source, samples(source))
    assert equalize(source, ranges, SCHEME) is None
    assert level(source, ranges, SCHEME, exponent=0.5) is None


def test_a_channel_without_weights_is_left_as_it_is():
    source = chain(1)
    data = graph.array(source.graph.graph.initializers["w1"]).copy()
    data[2] = 0
    source.graph.graph.initializers["w1"].const_value = graph.ir.tensor(data)
    ranges = observe(source, samples(source))
    program, *_ = equalize(source, ranges, SCHEME)
    kept = graph.array(program.graph.graph.initializers["w1"])
    assert np.isfinite(kept).all()
    assert not kept[2].any()
    assert gap(source, program, samples(source, 2)) < 1e-5


def test_factors_keep_their_middle_and_know_no_faint_channel():
    factors = migrated(np.array([1.0, 1.0, 100.0, 1e-9, 0.0]), np.ones(5), 1.0)
    assert factors[2] / factors[0] == pytest.approx(100)
    assert factors[0] / factors[3] == pytest.approx(16)
    assert factors[4] == 1.0
    assert np.log(factors).sum() == pytest.approx(0, abs=1e-9)
    np.testing.assert_array_equal(migrated(np.zeros(3), np.ones(3), 0.5), np.ones(3))
