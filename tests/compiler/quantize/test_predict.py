"""Foretold noise beside the noise of real rounding, and samples that exceed the others."""

from dataclasses import replace

import numpy as np
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize import insert, observe, plan
from mcompile.quantize.lanes import lanes
from mcompile.quantize.predict import Held, Reader, axis_of, others, reader, seen
from mcompile.quantize.scaling import Scaling
from mcompile.types import Scheme

from .chains import chain, uneven
from .nets import samples

SCHEME = Scheme("uint8", "int8", closed=frozenset(), absorbed=frozenset())


def rounded(source, program, name, ranges):
    """The mean squared error of one value when only the layer that makes it is on integers."""
    found = plan(program, ranges, SCHEME)
    layers = {n.outputs[0].name for n in program.graph.graph if n.op_type in SCHEME.weighted}
    kept = dict.fromkeys(layers - {name}, "kept")
    written = insert(program, replace(found, left_float={**found.left_float, **kept}), SCHEME)
    one, two = Oracle(source, [name]), Oracle(written, [name])
    errors = [
        one.run(s.feeds)[name].astype(np.float64) - two.run(s.feeds)[name]
        for s in samples(source, 16)
    ]
    return float(np.square(errors).sum() / np.size(errors) * errors[0].shape[1])


@pytest.mark.parametrize(("index", "name"), [(1, "c0"), (2, "y")])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_noise_is_foretold_within_a_half(index, name, seed):
    source = chain(spread=0.5)
    feeds = [s.feeds for s in samples(source, 16)]
    scaling = Scaling(source)
    each = lanes(scaling.graph)[index]
    (edit,) = each.readers()
    value = graph.name_of(edit.node.inputs[0])
    found = reader(scaling, each, edit, seen(source, {value: axis_of(edit)}, feeds))
    factors = uneven(np.random.default_rng(seed), each.count, 0.7)
    foretold = found.noise(factors, SCHEME)
    scaling.divide(each, factors)
    written = scaling.written()
    # Within one layer the scaled value has the same consumers, so only its rounding differs.
    real = rounded(source, written, name, observe(written, samples(source, 16)))
    assert 0.6 < foretold / real < 1.6


def held(low, high):
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    return Held(low, high, np.ones(low.shape[1]), 1.0)


def test_samples_that_are_alike_clip_nothing():
    one = Reader(np.ones((1, 3, 2, 1)), np.array([[0, 1]]), held([[0, 0]] * 4, [[1, 2]] * 4))
    assert one.clipped(np.ones((4, 2))) == 0.0


def test_a_sample_beyond_all_others_is_clipped_by_as_much():
    seen_high = [[1.0, 2.0], [1.0, 2.0], [1.0, 5.0]]
    one = Reader(np.ones((1, 3, 2, 1)), np.array([[0, 1]]), held([[0, 0]] * 3, seen_high))
    assert one.clipped(np.ones((3, 2))) == pytest.approx(3 * 3.0**2 / 3)
    # With the second channel divided, five is no more than the first reaches there.
    assert one.clipped(np.tile([0.2, 1.0], (3, 1))) == 0.0


def test_the_others_are_all_but_one():
    reach = np.array([[1.0, 5.0], [3.0, 2.0], [2.0, 4.0]])
    np.testing.assert_array_equal(others(reach), [[3.0, 4.0], [2.0, 5.0], [3.0, 5.0]])
    np.testing.assert_array_equal(others(reach[:1]), reach[:1])


def test_one_scale_for_all_weights_costs_more():
    weight = np.ones((1, 4, 2, 1))
    weight[0, 0] = 50
    one = Reader(weight, np.array([[0, 1]]), held([[0, 0]], [[1, 1]]))
    single = replace(SCHEME, per_channel=False)
    assert one.noise(np.ones(2), single) > one.noise(np.ones(2), SCHEME)


def test_channels_are_seen_by_sample():
    source = chain()
    feeds = [s.feeds for s in samples(source, 3)]
    found = seen(source, {"x": 1, "a": 1}, feeds)
    assert found["x"].low.shape == (3, 3)
    np.testing.assert_allclose(found["x"].high[1], feeds[1]["x"].max(axis=(0, 2, 3)), rtol=1e-6)
    assert found["a"].places == 144
    assert seen(source, {"x": 1}, []) == {}
