"""Smoothing: what takes the division in, who shares it, and what it is good for."""

import numpy as np
import pytest

from mcompile import graph
from mcompile.quantize import observe
from mcompile.quantize.smooth import smooth
from mcompile.types import Scheme

from .chains import block, chain, gap, sqnr
from .nets import samples

SCHEME = Scheme("uint8", "int8", per_channel=True)


@pytest.fixture(scope="module")
def observed():
    source = block()
    return source, observe(source, samples(source, 16))


def kinds(program):
    return [n.op_type for n in program.graph.graph]


@pytest.mark.parametrize("alpha", [0.5, 0.75, 0.85, 1.0])
def test_outputs_are_equal(observed, alpha):
    source, ranges = observed
    program, *_ = smooth(source, ranges, SCHEME, alpha=alpha)
    assert gap(source, program, samples(source, 4, seed=3)) < 1e-5


def test_a_norm_takes_the_division_in_and_its_readers_share_it(observed):
    source, ranges = observed
    program, found, _ = smooth(source, ranges, SCHEME, alpha=1.0, inserting=False)
    assert kinds(program) == kinds(source)
    ratios = [
        graph.array(program.graph.graph.initializers[n]) / graph.array(v)
        for n, v in source.graph.graph.initializers.items()
        if n in {"wq", "wk", "wv"}
    ]
    assert np.ptp(np.stack(ratios), axis=(0, 2)).max() < 1e-4
    reach = found["n"].channels[-1].reach()
    assert reach.max() / np.median(reach) < 1.5
    assert ranges["n"].channels[-1].reach().max() > 8 * np.median(reach)


def test_what_nothing_takes_in_is_a_mul_of_its_own(observed):
    source, ranges = observed
    program, found, _ = smooth(source, ranges, SCHEME, alpha=0.75)
    assert kinds(program).count("Mul") == kinds(source).count("Mul") + 1
    assert found["g"] is ranges["g"]
    assert found["g.smoothed"].high < ranges["g"].high / 2
    wanted = observe(program, samples(source, 16))["g.smoothed"]
    assert found["g.smoothed"].high == pytest.approx(wanted.high, rel=1e-4)


def test_outliers_no_longer_cost_the_others_their_steps(observed):
    source, ranges = observed
    held_out = samples(source, 12, seed=9)
    few = [s.feeds for s in samples(source, 8)]
    program, found, _ = smooth(source, ranges, SCHEME, few, alpha=0.75)
    plain = sqnr(source, source, ranges, SCHEME, held_out)
    assert sqnr(source, program, found, SCHEME, held_out) > plain + 3


def test_channels_that_are_alike_are_left_alone():
    source = block(outlier=1.0)
    assert smooth(source, observe(source, samples(source)), SCHEME, alpha=0.5) is None


def test_the_least_ratio_decides(observed):
    source, ranges = observed
    assert smooth(source, ranges, SCHEME, alpha=0.5, least_ratio=1e6) is None


def test_only_layers_on_integers_are_smoothed(observed):
    source, ranges = observed
    convolutions = Scheme("uint8", "int8", weighted=frozenset({"Conv"}))
    assert smooth(source, ranges, convolutions, alpha=0.5) is None


def test_a_convolution_of_one_pixel_is_linear_and_a_larger_one_is_not():
    source = chain(3, spread=2.0)
    ranges = observe(source, samples(source))
    program, found, _ = smooth(source, ranges, SCHEME, alpha=1.0, inserting=False)
    assert found["a"] is ranges["a"]
    assert found["p"] is not ranges["p"]
    assert gap(source, program, samples(source, 2)) < 1e-5


def test_an_input_with_outliers_needs_a_mul():
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[1,4,5,5] x) => (float[1,3,5,5] y) { a = Mul(x, f) b = Sigmoid(x) s = Mul(a, b)
      y = Conv(s, w) }"""
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.standard_normal((3, 4, 1, 1)).astype(np.float32),
        "f": np.array([1, 1, 40, 1], np.float32).reshape(4, 1, 1),
    }
    source = graph.parse(text, weights)
    graph.infer_shapes(source)
    ranges = observe(source, samples(source))
    assert smooth(source, ranges, SCHEME, alpha=0.75, inserting=False) is None
    program, *_ = smooth(source, ranges, SCHEME, alpha=0.75)
    assert gap(source, program, samples(source, 2)) < 1e-5
    assert kinds(program).count("Mul") == 3
