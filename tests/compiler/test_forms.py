"""One program for each precision that is asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import forms, graph
from mcompile.errors import SamplesError, TargetError
from mcompile.forms import Trials, forms_of, noise, spread
from mcompile.journal import Journal
from mcompile.options import Options
from mcompile.oracle import Oracle
from mcompile.quantize.select import Score
from mcompile.request import resolve
from mcompile.samples import open_samples
from mcompile.types import Precision

from .conftest import program


def asked(tmp_path, precision, **more):
    graph.save(program(), tmp_path / "net.onnx")
    options = Options(target="cpu-server", precision=precision, **more)
    return resolve(tmp_path / "net.onnx", replace(options, calibration=inputs(4)))


def inputs(count):
    rng = np.random.default_rng(0)
    shape = [d if isinstance(d, int) else 1 for d in program().inputs[0].shape]
    return [
        {program().inputs[0].name: rng.standard_normal(shape, np.float32)} for _ in range(count)
    ]


def ops(made):
    return {n.op_type for n in made.graph.graph}


def test_float_is_the_program_as_it_is(tmp_path):
    given = program()
    made, ranges = forms_of(asked(tmp_path, "fp32"), given, None, Journal())
    assert (made, ranges) == ({Precision.FP32: (given, None)}, {})


def test_int8_is_calibrated_and_planned_beside_float(tmp_path):
    given = program()
    data = open_samples(inputs(4), given.inputs)
    journal = Journal()
    made, ranges = forms_of(asked(tmp_path, "int8"), given, data, journal)
    quantized, plan = made[Precision.INT8]
    assert plan is not None
    assert {"QuantizeLinear", "DequantizeLinear"} <= ops(quantized)
    assert given.inputs[0].name in ranges
    assert [s.name for s in journal.stages] == ["calibrated", "quantized"]


def test_one_sample_sets_no_range(tmp_path):
    given = program()
    data = open_samples(inputs(1), given.inputs)
    with pytest.raises(SamplesError):
        forms_of(asked(tmp_path, "int8"), given, data, Journal())


def test_half_is_narrowed(tmp_path):
    given = program()
    made, _ = forms_of(asked(tmp_path, "fp16"), given, None, Journal())
    assert "Cast" in ops(made[Precision.FP16][0])


def test_dynamic_int8_is_planned_without_data(tmp_path):
    made, _ = forms_of(asked(tmp_path, "int8-dynamic"), program(), None, Journal())
    assert "DynamicQuantizeLinear" in ops(made[Precision.INT8_DYNAMIC][0])


def test_strict_refuses_what_nothing_could_be_made_of(tmp_path):
    plain = graph.parse(
        '<ir_version: 8, opset_import: ["": 17]> g (float[1,4] x) => (float[1,4] y) { y = Tanh(x) }'
    )
    with pytest.raises(TargetError, match="nothing of this model could be quantized"):
        forms_of(asked(tmp_path, "int8-dynamic", strict=True), plain, None, Journal())


def test_noise_is_the_same_each_time():
    one, other = (list(noise(program(), 3)) for _ in range(2))
    name = program().inputs[0].name
    assert len(one) == 8
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.feeds[name], b.feeds[name])
    assert not np.array_equal(one[0].feeds[name], one[1].feeds[name])


def test_strict_refuses_halves_of_which_there_are_none(tmp_path):
    plain = graph.parse(
        '<ir_version: 8, opset_import: ["": 17]> g (int64[4] x) => (int64[4] y) { y = Abs(x) }'
    )
    with pytest.raises(TargetError, match="converted to 16 bits"):
        forms_of(asked(tmp_path, "fp16", strict=True), plain, None, Journal())


def calibrated(count=12):
    given = program()
    return given, open_samples(inputs(count), given.inputs)


def test_int8_above_the_floor_keeps_no_layer_float(tmp_path):
    given, data = calibrated()
    journal = Journal()
    made, _ = forms_of(asked(tmp_path, "int8"), given, data, journal)
    assert made[Precision.INT8][1].left_float == {}
    assert journal.stages[-1].summary.startswith("4 of 4 Conv, Gemm, MatMul")


def test_below_the_floor_the_most_accurate_file_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(forms, "_FLOOR_DB", 150.0)
    given, data = calibrated()
    journal = Journal()
    made, _ = forms_of(asked(tmp_path, "int8"), given, data, journal)
    quantized, plan = made[Precision.INT8]
    assert len(plan.left_float) == 2
    assert all("of 2, its noise alone" in reason for reason in plan.left_float.values())
    assert "2 of 4 Conv, Gemm, MatMul" in journal.stages[-1].summary
    assert " dB: the 2 " in journal.stages[-1].summary
    kept = [n for n in quantized.graph.graph if n.outputs[0].name in plan.left_float]
    assert all(graph.is_constant(n.inputs[1]) for n in kept)


def test_a_budget_that_asks_for_more_raises_the_floor(tmp_path):
    given, data = calibrated()
    request = asked(tmp_path, "int8", budgets=("sqnr_db_min=150",))
    made, _ = forms_of(request, given, data, Journal())
    assert made[Precision.INT8][1].left_float


def test_samples_are_taken_from_all_over_the_stream():
    given = program()
    data = replace(open_samples(inputs(20), given.inputs), count=20)
    everything = [s.feeds["x"] for s in data]
    for count, wanted in ((5, [0, 4, 8, 12, 16]), (30, [*range(20)])):
        found = [s.feeds["x"] for s in spread(data, count)]
        np.testing.assert_array_equal(found, [everything[k] for k in wanted])
    unknown = spread(replace(data, count=None), 3)
    np.testing.assert_array_equal([s.feeds["x"] for s in unknown], everything[:3])


def test_a_trial_scores_files_by_their_worst_output(tmp_path):
    given = program()
    feeds = inputs(3)
    broken, off = graph.clone(given), graph.clone(given)
    next(iter(broken.graph.graph)).op_type = "Nonsense"
    held = off.graph.graph.initializers["b4"]
    held.const_value = ir.tensor(held.const_value.numpy() + np.float32(0.5))
    trials = Trials(asked(tmp_path, "int8"), given, feeds)
    same, none, shifted = trials([given, broken, off])
    assert same.sqnr_db > 100
    assert 0 < same.latency_ms < np.inf
    assert none == Score(-200.0, np.inf)
    signal = sum((Oracle(given).run(f)["y"] ** 2).sum() for f in feeds)
    assert shifted.sqnr_db == pytest.approx(10 * np.log10(signal / (3 * 10 * 0.25)), abs=0.01)


def test_a_node_is_kept_float_where_asked(tmp_path):
    given = program()
    data = open_samples(inputs(6), given.inputs)
    request = asked(tmp_path, "int8", keep_float=("c0",))
    _, plan = forms_of(request, given, data, Journal())[0][Precision.INT8]
    assert plan is not None
    assert plan.left_float["c0"] == "kept float by request"


def test_ranges_are_kept_and_read_again(tmp_path):
    given = program()
    data = open_samples(inputs(4), given.inputs)
    kept = str(tmp_path / "ranges.npz")
    _, first = forms_of(asked(tmp_path, "int8", ranges=kept), given, data, Journal())
    _, again = forms_of(asked(tmp_path, "int8", ranges=kept), given, data, Journal())
    assert (tmp_path / "ranges.npz").is_file()
    assert {n: (r.low, r.high) for n, r in again.items()} == {
        n: (r.low, r.high) for n, r in first.items()
    }
