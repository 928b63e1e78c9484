"""One program for each precision that is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.errors import TargetError
from mcompile.forms import forms_of, noise
from mcompile.journal import Journal
from mcompile.samples import open_samples
from mcompile.types import Precision

from .conftest import asked, inputs, program


def ops(made):
    return {n.op_type for n in made.program.graph.graph}


def test_float_is_the_program_as_it_is(tmp_path):
    given = program()
    made, ranges = forms_of(asked(tmp_path, "fp32"), given, (None, None), Journal())
    assert made[Precision.FP32].program is given
    assert (made[Precision.FP32].plan, ranges) == (None, {})


@pytest.mark.parametrize("precision", ["int8-weights", "int4-weights"])
def test_weights_alone_are_planned_without_data(tmp_path, precision):
    """Four bits need a newer operator set than the model's: it is raised for that form alone."""
    given = program()
    made, _ = forms_of(asked(tmp_path, precision), given, (None, None), Journal())
    form = made[Precision(precision)]
    assert form.plan.tensors
    assert "DequantizeLinear" in ops(form)
    assert graph.opset(given) < 21


def test_int8_is_calibrated_and_planned_beside_float(tmp_path):
    given = program()
    data = open_samples(inputs(4), given.inputs)
    journal = Journal()
    made, ranges = forms_of(asked(tmp_path, "int8"), given, (data, None), journal)
    quantized = made[Precision.INT8]
    assert quantized.plan is not None
    assert quantized.chosen is not None
    assert {"QuantizeLinear", "DequantizeLinear"} <= ops(quantized)
    assert given.inputs[0].name in ranges
    assert [s.name for s in journal.stages] == ["calibrated", "quantized"]


def test_half_is_narrowed(tmp_path):
    given = program()
    made, _ = forms_of(asked(tmp_path, "fp16"), given, (None, None), Journal())
    assert "Cast" in ops(made[Precision.FP16])


def test_dynamic_int8_is_planned_without_data(tmp_path):
    made, _ = forms_of(asked(tmp_path, "int8-dynamic"), program(), (None, None), Journal())
    assert "DynamicQuantizeLinear" in ops(made[Precision.INT8_DYNAMIC])


def test_strict_refuses_what_nothing_could_be_made_of(tmp_path):
    plain = graph.parse(
        '<ir_version: 8, opset_import: ["": 17]> g (float[1,4] x) => (float[1,4] y) { y = Tanh(x) }'
    )
    with pytest.raises(TargetError, match="nothing of this model could be quantized"):
        forms_of(asked(tmp_path, "int8-dynamic", strict=True), plain, (None, None), Journal())


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
        forms_of(asked(tmp_path, "fp16", strict=True), plain, (None, None), Journal())


def calibrated(count=12):
    given = program()
    return given, open_samples(inputs(count), given.inputs)
