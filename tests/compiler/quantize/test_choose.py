"""Ends are chosen by what readers make of the error, and only where other samples agree."""

from dataclasses import replace

import numpy as np
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize import insert, observe, plan
from mcompile.quantize.choose import choose
from mcompile.types import Sample, Samples

from .nets import SCHEME, residual, samples

WIDE = 60.0


def linear(heavy=0.0):
    """One product, whose first input channel has outliers and weighs `heavy`."""
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((16, 8)).astype(np.float32)
    weight[0] *= heavy
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[1,32,16] x) => (float[1,32,8] y) { y = MatMul(x, w) }"""
    program = graph.parse(text, {"w": weight})
    graph.infer_shapes(program)
    return program


def fed(count=24, seed=3, halves=(0, 1)):
    rng = np.random.default_rng(seed)
    found = []
    for index in range(count):
        data = rng.standard_normal((1, 32, 16)).astype(np.float32)
        data[0, 5, 0] = WIDE if index % 2 in halves else 1.0
        found.append({"x": data})
    return found


def stream(feeds):
    return Samples("arrays", lambda: (Sample(f) for f in feeds), len(feeds))


def planned(program, feeds, scheme=SCHEME, clips=None):
    ranges = observe(program, stream(feeds))
    return ranges, plan(program, ranges, scheme, clips)


def chosen(program, feeds, scheme=SCHEME, **options):
    ranges, found = planned(program, feeds, scheme)
    return choose(program, ranges, found, scheme, feeds, **options)


def noise(program, found, feeds, scheme=SCHEME):
    one, two = Oracle(program), Oracle(insert(program, found, scheme))
    pairs = [(one.run(f)["y"].astype(np.float64), two.run(f)["y"]) for f in feeds]
    return sum(((a - b) ** 2).sum() for a, b in pairs)


def test_outliers_that_no_weight_reads_are_clipped_and_other_samples_gain():
    program, others = linear(), fed(12, seed=9)
    ends = chosen(program, fed())
    assert 2 < ends["x"][1] < WIDE / 2
    before = planned(program, fed())[1]
    after = planned(program, fed(), clips=ends)[1]
    assert noise(program, after, others) < 0.4 * noise(program, before, others)


def test_outliers_that_a_weight_reads_are_kept():
    assert chosen(linear(heavy=1.0), fed()) == {}


@pytest.mark.parametrize("half", [0, 1])
def test_what_pays_on_one_half_of_the_samples_alone_is_not_taken(half):
    """Clipping is best for those without the outlier, and ruins those that have it."""
    feeds = fed(halves=(half,))
    assert chosen(linear(heavy=1.0), feeds) == {}


def test_the_ends_lie_within_the_extremes_and_a_relu_still_starts_at_zero():
    program = residual()
    feeds = [s.feeds for s in samples(program, 16)]
    ranges, found = planned(program, feeds)
    ends = choose(program, ranges, found, SCHEME, feeds)
    for name, (low, high) in ends.items():
        assert ranges[name].low <= low <= high <= ranges[name].high
        assert (low, high) != (ranges[name].low, ranges[name].high)
    clipped = plan(program, ranges, SCHEME, ends)
    assert clipped.tensors["a"].zero_point == 0


def test_symmetric_integers_are_chosen_as_such():
    scheme = replace(SCHEME, activations="int8", symmetric_activations=True)
    ends = chosen(linear(), fed(), scheme)
    assert ends["x"][1] < WIDE / 2
    found = planned(linear(), fed(), scheme, ends)[1]
    assert found.tensors["x"].scale == pytest.approx(max(-ends["x"][0], ends["x"][1]) / 127)


def pooled():
    """A pool at one scale, behind which the channel of the outliers weighs nothing."""
    rng = np.random.default_rng(2)
    last = rng.standard_normal((4, 4, 1, 1)).astype(np.float32)
    last[:, 0] = 0
    first = np.eye(4, dtype=np.float32).reshape(4, 4, 1, 1)
    first[0] *= 20
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[1,4,8,8] x) => (float[1,4,4,4] y) {
      a = Conv(x, w1)
      p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (a)
      b = Conv(p, w2)
      y = Abs(b)
    }"""
    program = graph.parse(text, {"w1": first, "w2": last})
    graph.infer_shapes(program)
    return program


def images(count=16):
    rng = np.random.default_rng(4)
    return [{"x": rng.standard_normal((1, 4, 8, 8)).astype(np.float32)} for _ in range(count)]


def test_tensors_of_one_scale_are_given_the_same_ends():
    program = pooled()
    ranges, found = planned(program, images())
    assert found.tensors["a"] is found.tensors["p"]
    ends = choose(program, ranges, found, SCHEME, images())
    assert ends["a"] == ends["p"]
    assert ends["a"][1] < ranges["a"].high / 2


def test_the_most_rewarding_tensor_comes_first():
    """Two products of the same data; the second reads outliers that are farther out."""
    weights = {"w1": np.eye(16, dtype=np.float32), "w2": np.eye(16, dtype=np.float32)}
    weights["w1"][0, 0] = weights["w2"][0, 0] = 0
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[1,32,16] x, float[1,32,16] z) => (float[1,32,16] y, float[1,32,16] u) {
      y = MatMul(x, w1)
      u = MatMul(z, w2)
    }"""
    program = graph.parse(text, weights)
    graph.infer_shapes(program)
    feeds = [{"x": f["x"], "z": f["x"].copy()} for f in fed()]
    for each in feeds:
        each["z"][0, 5, 0] *= 4
    assert list(chosen(program, feeds)) == ["z", "x"]


def test_of_few_samples_nothing_is_learned():
    assert chosen(linear(), fed(3)) == {}


def test_what_was_not_reached_in_time_keeps_its_extremes():
    assert chosen(linear(), fed(), stop=lambda: True) == {}


def test_a_plan_without_integers_has_nothing_to_choose():
    program = linear()
    ranges, found = planned(program, fed())
    assert choose(program, ranges, replace(found, tensors={}), SCHEME, fed()) == {}
