"""The layers that a runtime fused and renamed are found again in the program."""

from __future__ import annotations

import math

import pytest

from mcompile.estimate.count import count
from mcompile.layers import described, rows
from mcompile.record import GraphRow, Layer

from .conftest import program


@pytest.fixture(scope="module")
def net():
    made = program()
    for node in made.graph.graph:
        node.name = f"n_{node.outputs[0].name}"
    return made


def look(net, name: str, op: str = "Conv", drift=None) -> Layer:
    [found] = described([Layer(name, op, 1.0)], net, count(net).nodes, drift or {})
    return found


def macs(net, value: str) -> float:
    [work] = [w for w in count(net).nodes if w.name == f"n_{value}"]
    return work.macs / 1e6


@pytest.mark.parametrize(
    "name", ["n_a0", "a0", "a0_nchwc", "n_a0_nchwc", "a0_quant_1", "a0.fused/x"]
)
def test_a_layer_is_found_by_the_longest_name_it_begins_with(net, name: str) -> None:
    found = look(net, name)
    assert found.macs_m == pytest.approx(macs(net, "a0"))
    # One value of 4 bytes for each weight and bias.
    assert found.weights_kb == pytest.approx((8 * 3 * 3 * 3 + 8) * 4 / 1e3)


def test_a_fused_activation_has_the_work_of_the_convolution_before_it(net) -> None:
    assert look(net, "c_nchwc", "FusedConv").macs_m == pytest.approx(macs(net, "c0"))


@pytest.mark.parametrize(
    "op", ["Convolution", "FullyConnected", "GroupConvolution", "LSTMSequence"]
)
def test_products_have_many_names(net, op: str) -> None:
    assert look(net, "a0", op).macs_m == pytest.approx(macs(net, "a0"))


def test_a_conversion_is_no_convolution(net) -> None:
    assert look(net, "a0", "Convert").macs_m is None


def test_a_layer_that_multiplies_nothing_has_no_work_of_others(net) -> None:
    found = look(net, "a", "Relu")
    assert found.macs_m is None
    assert found.weights_kb is None


def test_the_error_is_that_of_the_layers_own_value(net) -> None:
    drift = {"a0": 31.0, "a": 29.0}
    assert look(net, "a0", drift=drift).sqnr_db == 31.0
    assert look(net, "a", "Relu", drift).sqnr_db == 29.0
    assert look(net, "b", drift=drift).sqnr_db is None


def test_an_unknown_layer_stays_as_the_runtime_told_of_it(net) -> None:
    assert look(net, "reorder_out", "ReorderOutput") == Layer("reorder_out", "ReorderOutput", 1.0)
    assert look(net, "") == Layer("", "Conv", 1.0)


def test_a_few_steps_upstream_are_looked_through(net) -> None:
    found = look(net, "f", "Conv")  # Flatten, GlobalAveragePool, Relu, Conv
    assert found.macs_m == pytest.approx(macs(net, "c0"))


def test_rows_list_every_node_with_its_shape(net) -> None:
    listed = rows(net)
    assert listed[0] == GraphRow("n_a0", "Conv", "1x8x16x16")
    assert [r.op for r in listed][-2:] == ["Flatten", "Gemm"]
    assert math.prod(map(int, listed[-1].shape.split("x"))) == 10
