"""Factors written into weights: equal outputs, whatever the factors; and nothing else changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize.lanes import lanes
from mcompile.quantize.scaling import Scaling

from .chains import block, chain, gap, uneven
from .nets import residual, samples

NETS = {"chain": chain, "block": block, "residual": residual}


def scaled(source, seed, spread=2.0):
    rng = np.random.default_rng(seed)
    scaling = Scaling(source)
    for each in lanes(scaling.graph):
        scaling.divide(each, uneven(rng, each.count, spread))
    return scaling


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
@given(seed=st.integers(0, 1000), spread=st.floats(0.0, 3.0))
@settings(derandomize=True, deadline=None, max_examples=8)
def test_outputs_are_equal_whatever_the_factors(make, seed, spread):
    source = make(seed)
    written = scaled(source, seed, spread).written()
    assert gap(source, written, samples(source, 2)) < 1e-5


@pytest.mark.parametrize("name", ["w2", "b2", "w3", "w4"])
def test_a_factor_that_is_wrong_shows(name):
    source = chain()
    written = scaled(source, 1).written()
    value = written.graph.graph.initializers[name]
    data = graph.array(value).copy()
    data.reshape(-1)[::2] *= 1.5
    value.const_value = graph.ir.tensor(data)
    assert gap(source, written, samples(source, 2)) > 1e-3


def test_inner_values_are_divided_as_told():
    source = chain()
    scaling = scaled(source, 2)
    written = scaling.written()
    (sample,) = samples(source, 1)
    one = Oracle(source, list(scaling.factors)).run(sample.feeds)
    two = Oracle(written, list(scaling.factors)).run(sample.feeds)
    for name, (old, divisor) in scaling.factors.items():
        scale = np.abs(two[name]).max()
        np.testing.assert_allclose(one[old] / divisor / scale, two[name] / scale, atol=1e-5)
    assert len(scaling.factors) == 9


def test_the_source_and_the_names_of_weights_stay():
    source = chain()
    before = {n: graph.array(v).copy() for n, v in source.graph.graph.initializers.items()}
    written = scaled(source, 3).written()
    for name, data in before.items():
        np.testing.assert_array_equal(graph.array(source.graph.graph.initializers[name]), data)
    assert set(written.graph.graph.initializers) == set(before)


def test_fixed_lanes_are_not_divided():
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[1,4,6,6] x) => (float[1,4,6,6] y) { y = Conv(x, w) z = Conv(y, w) }"""
    rng = np.random.default_rng(0)
    source = graph.parse(text, {"w": rng.standard_normal((4, 4, 1, 1)).astype(np.float32)})
    graph.infer_shapes(source)
    scaling = scaled(source, 0)
    assert all((f == 1.0).all() for _, f in scaling.factors.values())
    assert gap(source, scaling.written(), samples(source, 1)) == 0.0


def test_a_weight_that_another_layer_reads_too_stays_for_that_one():
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[1,4,6,6] x) => (float[1,4,6,6] y) {
      a = Conv(x, w) b = Conv(a, w) c = Sigmoid(b) y = Conv(c, w)
    }"""
    rng = np.random.default_rng(0)
    source = graph.parse(text, {"w": rng.standard_normal((4, 4, 1, 1)).astype(np.float32)})
    graph.infer_shapes(source)
    written = scaled(source, 4).written()
    assert len(written.graph.graph.initializers) == 3
    assert gap(source, written, samples(source, 2)) < 1e-5


def test_a_mul_of_its_own_divides_for_the_layers_that_were_named():
    source = block()
    scaling = Scaling(source)
    value = next(v for v in graph.values(scaling.graph) if v.name == "g")
    (reader,) = value.consumers()
    factors = np.linspace(0.5, 8.0, 16)
    scaling.insert(value, factors, [reader])
    written = scaling.written()
    assert gap(source, written, samples(source, 2)) < 1e-5
    (made,) = [n for n in written.graph.graph if n.outputs[0].name == "g.smoothed"]
    assert made.op_type == "Mul"
    assert scaling.factors["g.smoothed"][0] == "g"


def test_an_input_of_the_model_can_be_divided_by_a_mul():
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[2,3,4] x) => (float[2,3,5] y) { y = MatMul(x, w) }"""
    rng = np.random.default_rng(0)
    source = graph.parse(text, {"w": rng.standard_normal((4, 5)).astype(np.float32)})
    graph.infer_shapes(source)
    scaling = Scaling(source)
    (reader,) = list(scaling.graph)
    factors = np.array([1.0, 2.0, 3.0, 4.0])
    scaling.insert(scaling.graph.inputs[0], factors, [reader])
    assert gap(source, scaling.written(), samples(source, 2)) < 1e-5
