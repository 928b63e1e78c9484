"""The quantization tables are read from the program that was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcompile import ledger
from mcompile.estimate.count import count
from mcompile.outcome import Form
from mcompile.quantize import insert, observe, plan
from mcompile.quantize.recipe import Chosen, Recipe, Score, Tried
from mcompile.record import AloneRow, TriedRow
from mcompile.types import Precision, QuantPlan

from .quantize.nets import SCHEME, residual, samples

DRIFT = {"a0": 40.0, "a": 41.0, "b": 35.5, "s": 36.0, "p": 36.0, "c0": 25.0, "c": 25.5,
         "g": 26.0, "f": 26.0, "y": 18.0}  # fmt: skip


@pytest.fixture(scope="module")
def net():
    program = residual()
    for node in program.graph.graph:
        node.name = f"n_{node.outputs[0].name}"
    return program, observe(program, samples(program, 4))


def form(net, keep=(), clips=None, scheme=SCHEME) -> Form:
    program, ranges = net
    found = plan(program, ranges, scheme, clips, keep)
    return Form(Precision.INT8, insert(program, found, scheme), found, None, Path())  # type: ignore[arg-type]


def rows(net, made: Form, drift=None, jump="", scheme=SCHEME):
    work = ledger.by_value(made, count(made.program).nodes)
    found = ledger.Found(net[1], DRIFT if drift is None else drift, jump, work)
    return {r.layer: r for r in ledger.layers(made, scheme, found)}


def test_layers_that_can_be_integers_are_listed_in_the_order_of_execution(net) -> None:
    found = rows(net, form(net))
    assert [(r.layer, r.op) for r in found.values()] == [
        ("a0", "Conv"), ("b", "Conv"), ("s", "Add"),
        ("p", "MaxPool"), ("c0", "Conv"), ("y", "Gemm"),
    ]  # fmt: skip
    assert [r.reads for r in found.values()] == ["x", "a", "a", "s", "p", "f"]


def test_a_layer_shows_what_it_reads_and_its_weights(net) -> None:
    made = form(net)
    assert made.plan is not None
    row, read, weight = rows(net, made)["b"], made.plan.tensors["a"], made.plan.tensors["w2"]
    assert (row.low, row.high) == (net[1]["a"].low, net[1]["a"].high)
    assert row.scale == float(read.scale)
    assert (row.zero_point, row.dtype) == (0, "uint8")
    assert row.channels == 8
    assert row.weight_scale_max == float(weight.scale.max())
    assert row.weight_scale_min == float(weight.scale.min()) < row.weight_scale_max
    # A window of three at the edge of sixteen has two taps inside: 46 of 48 in each direction.
    assert row.macs_m == pytest.approx(8 * 8 * 46 * 46 / 1e6)


def test_an_op_without_weights_has_no_channels(net) -> None:
    row = rows(net, form(net))["s"]
    assert row.scale is not None
    assert (row.channels, row.weight_scale_max, row.weight_scale_min) == (None, None, None)


def test_the_step_is_against_the_worst_of_what_is_read(net) -> None:
    found = rows(net, form(net))
    assert found["a0"].step_db is None  # nothing before it has an error
    assert found["b"].step_db == 35.5 - 41.0
    assert found["s"].step_db == 36.0 - 35.5  # reads a at 41 and b at 35.5 dB
    exact = rows(net, form(net), {**DRIFT, "a": 200.0})["b"]
    assert (exact.sqnr_db, exact.step_db) == (35.5, None)


def test_a_layer_left_float_says_why_and_has_no_scale(net) -> None:
    row = rows(net, form(net, keep=("b",)))["b"]
    assert row.left_float == "kept float by request"
    assert (row.scale, row.saturated, row.channels, row.dtype) == (None, None, None, "")
    assert row.low is not None


def test_what_stands_on_the_place_of_the_jump_is_marked_though_it_is_no_layer(net) -> None:
    found = rows(net, form(net), jump="c0")
    assert [r.layer for r in found.values() if r.jump] == ["c0"]
    elsewhere = rows(net, form(net), jump="g")["g"]
    assert (elsewhere.op, elsewhere.jump, elsewhere.channels) == ("GlobalAveragePool", True, None)
    assert "g" not in found


def test_values_outside_of_the_integers_are_a_share_of_what_was_observed(net) -> None:
    assert {r.saturated for r in rows(net, form(net)).values()} == {0.0}
    clipped = rows(net, form(net, clips={"x": (-1.0, 1.0)}))["a0"]
    # The input is standard normal: about 32 % lies outside of one deviation.
    assert clipped.saturated == pytest.approx(0.317, abs=0.02)


def test_without_ranges_what_the_file_holds_is_still_shown(net) -> None:
    made = form(net)
    found = ledger.Found({}, {}, "", {})
    row = ledger.layers(made, SCHEME, found)[0]
    assert (row.low, row.saturated, row.sqnr_db, row.macs_m) == (None, None, None, None)
    assert row.scale is not None


def test_only_integers_have_a_table(net) -> None:
    made = form(net)
    half = replace(made, precision=Precision.FP16, plan=QuantPlan({}, {"y": "why"}))
    assert rows(net, half) == {}
    assert rows(net, replace(made, plan=None)) == {}
    assert ledger.tensors(replace(made, plan=None), net[1]) == ()


def test_every_tensor_of_the_plan_has_its_largest_scale(net) -> None:
    made = form(net)
    assert made.plan is not None
    found = {r.tensor: r for r in ledger.tensors(made, net[1])}
    assert {*found} == {*made.plan.tensors}
    assert found["w2"].scale == float(np.max(made.plan.tensors["w2"].scale))
    assert (found["w2"].channels, found["w2"].low) == (8, None)
    assert found["x"].low == net[1]["x"].low


def test_the_files_that_were_tried_are_rows_and_one_was_taken(net) -> None:
    tried = (
        Tried("plain", (), Score(9.0, 1.0)),
        Tried("two float", ("a", "b"), Score(19.0, 2.0)),
    )
    chosen = Chosen(Recipe(*net, SCHEME), QuantPlan({}, {}), tried, 1)
    assert ledger.changed(chosen, net[0]) == ""
    assert ledger.changed(chosen, residual()) == "two float"
    assert ledger.tried(chosen) == (
        TriedRow("plain", (), 9.0, 1.0, taken=False),
        TriedRow("two float", ("a", "b"), 19.0, 2.0, taken=True),
    )


def test_noise_alone_is_sorted_and_knows_what_each_layer_computes(net) -> None:
    found = ledger.noises({"a0": 30.0, "b": 20.0, "y": 200.0}, net[0])
    assert found == (AloneRow("a0", "Conv", 30.0), AloneRow("b", "Conv", 20.0))
    made = replace(form(net), alone=found)
    work = ledger.by_value(made, count(made.program).nodes)
    assert [(r.layer, r.macs_m) for r in ledger.alone(made, work)] == [
        ("b", pytest.approx(0.135424)), ("a0", pytest.approx(0.050784)),
    ]  # fmt: skip
