"""Ranges of a scaled program: exact where channels were observed, honest where they were not."""

import numpy as np
import pytest

from mcompile.quantize import observe
from mcompile.quantize.clipping import METHODS
from mcompile.quantize.lanes import lanes
from mcompile.quantize.ranges import TensorRange
from mcompile.quantize.restated import restated
from mcompile.quantize.scaling import Scaling

from .chains import chain, uneven
from .nets import samples

READ = ("a", "p", "f")  # of these channels are observed: layers read them


@pytest.fixture(scope="module")
def made():
    source = chain()
    ranges = observe(source, samples(source, 24))
    scaling = Scaling(source)
    rng = np.random.default_rng(7)
    for each in lanes(scaling.graph):
        scaling.divide(each, uneven(rng, each.count, 1.0))
    written = scaling.written()
    return source, ranges, scaling.factors, observe(written, samples(source, 24))


def few(source, count=6):
    return [s.feeds for s in samples(source, count)]


def test_extremes_of_observed_channels_divide_exactly(made):
    source, ranges, factors, wanted = made
    for feeds in ((), few(source)):
        found = restated(source, ranges, factors, feeds)
        for name in READ:
            assert found[name].low == pytest.approx(wanted[name].low, rel=1e-5, abs=1e-6)
            assert found[name].high == pytest.approx(wanted[name].high, rel=1e-5)
            for axis, channels in wanted[name].channels.items():
                np.testing.assert_allclose(
                    found[name].channels[axis].high, channels.high, rtol=1e-4
                )


def test_other_tensors_reach_as_far_as_samples_and_their_share_of_all_say(made):
    source, ranges, factors, wanted = made
    found = restated(source, ranges, factors, few(source, 12))
    for name in ("a0", "d0", "d", "c0"):
        assert 0.75 < found[name].high / wanted[name].high < 1.34
        assert 0.75 < found[name].low / wanted[name].low < 1.34


def test_samples_that_hold_a_third_of_all_are_stretched_threefold():
    source = chain()
    feeds = few(source, 2)
    reach = float(max(f["x"].max() for f in feeds))
    held = TensorRange()
    held.add(np.array([min(f["x"].min() for f in feeds), 3 * reach], np.float32))
    factors = {"x": ("x", np.full((1, 3, 1, 1), 2.0))}
    found = restated(source, {"x": held}, factors, feeds)["x"]
    assert found.high == pytest.approx(3 * reach / 2, rel=1e-6)
    assert found.low == pytest.approx(held.low / 2, rel=1e-6)


def test_without_samples_no_value_is_left_out(made):
    source, ranges, factors, wanted = made
    found = restated(source, ranges, factors)
    for name, held in wanted.items():
        assert found[name].low <= held.low * (1 - 1e-5)
        assert found[name].high >= held.high * (1 - 1e-5)


def test_histograms_are_those_of_the_samples(made):
    source, ranges, factors, _ = made
    found = restated(source, ranges, factors, few(source, 24))
    for name in READ:
        assert found[name].counts.sum() == ranges[name].counts.sum() + 2
        low, high = found[name].percentile(90.0)
        assert found[name].low <= low < high < found[name].high


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_without_samples_every_method_answers_the_extremes(made, method):
    source, ranges, factors, _ = made
    found = restated(source, ranges, factors)
    for name in READ:
        low, high = method(found[name], 256, False)
        bin_width = 2 * found[name].bound / 4096
        assert low == pytest.approx(found[name].low, abs=2 * bin_width)
        assert high == pytest.approx(found[name].high, abs=2 * bin_width)


def test_what_was_not_divided_is_the_same_object(made):
    source, ranges, factors, _ = made
    found = restated(source, ranges, factors)
    assert found["x"] is ranges["x"]
    assert found["y"] is ranges["y"]
    ones = {"copy": ("a", np.ones((1, 8, 1, 1)))}
    assert restated(source, ranges, ones)["copy"] is ranges["a"]


def test_what_was_not_observed_stays_unknown(made):
    source, ranges, factors, _ = made
    less = {n: r for n, r in ranges.items() if n != "a"}
    assert "a" not in restated(source, less, factors, few(source))


def test_a_tensor_of_one_sign_does_not_cross_zero():
    source = chain()
    held = TensorRange()
    held.add(np.array([2.0, 4.0], np.float32))
    factors = {"x": ("x", np.array([0.5, 1.0, 2.0]).reshape(1, 3, 1, 1))}
    found = restated(source, {"x": held}, factors)["x"]
    assert (found.low, found.high) == (1.0, 8.0)
