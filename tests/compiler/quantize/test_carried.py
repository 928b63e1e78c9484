"""A carried op alone is as noisy as the float program with its result rounded."""

from dataclasses import replace

import numpy as np
import pytest

from mcompile import graph
from mcompile.quantize import observe, plan
from mcompile.quantize.carried import noise_of_carried

from .nets import SCHEME, samples


def chain():
    """Two residual sums, a pool at one scale behind them, and layers that read each."""
    rng = np.random.default_rng(0)
    shapes = {"w1": (4, 4, 1, 1), "w2": (4, 4, 1, 1), "w3": (4, 4, 1, 1)}
    weights = {n: rng.standard_normal(s).astype(np.float32) / 2 for n, s in shapes.items()}
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[1,4,8,8] x) => (float[1,4,4,4] y) {
      a = Conv(x, w1)
      s = Add(x, a)
      b = Conv(s, w2)
      t = Add(s, b)
      p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (t)
      c = Conv(p, w3)
      y = Abs(c)
    }"""
    program = graph.parse(text, weights)
    graph.infer_shapes(program)
    return program


@pytest.fixture(scope="module")
def planned():
    program = chain()
    return program, plan(program, observe(program, samples(program)), SCHEME)


def fed(program):
    return [s.feeds for s in samples(program, 3, seed=5)]


def test_sums_are_ranked_and_a_pool_at_one_scale_rounds_nothing(planned):
    program, found = planned
    assert set(noise_of_carried(program, found, SCHEME, fed(program))) == {"s", "t"}


def test_the_coarser_result_comes_first_and_a_bit_less_is_six_decibels(planned):
    program, found = planned
    before = noise_of_carried(program, found, SCHEME, fed(program))
    for name in before:
        held = found.tensors[name]
        zero = np.asarray(int(held.zero_point) // 8, held.zero_point.dtype)
        coarse = replace(held, scale=held.scale * np.float32(8), zero_point=zero)
        worse = replace(found, tensors={**found.tensors, name: coarse})
        after = noise_of_carried(program, worse, SCHEME, fed(program))
        assert next(iter(after)) == name
        assert after[name] == pytest.approx(before[name] - 18, abs=2.5)


def test_an_op_left_float_is_not_ranked(planned):
    program, found = planned
    kept = replace(found, left_float={"s": "kept float by request"})
    assert set(noise_of_carried(program, kept, SCHEME, fed(program))) == {"t"}


def test_ops_that_were_not_reached_in_time_are_left_out(planned):
    program, found = planned
    answers = iter([False, True])
    noise = noise_of_carried(program, found, SCHEME, fed(program), stop=lambda: next(answers))
    assert list(noise) == ["s"]
