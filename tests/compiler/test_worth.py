"""A file holds its accuracy, or it does not, on the evaluation data and under the budgets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.options import Options
from mcompile.oracle import Oracle
from mcompile.request import resolve
from mcompile.types import Sample, Samples
from mcompile.worth import Worth

from .conftest import program


@pytest.fixture(scope="module")
def evaluation():
    """Inputs labelled with the class that the program finds, so that it is always right."""
    given, rng = program(), np.random.default_rng(0)
    oracle = Oracle(given)
    shape = [d if isinstance(d, int) else 1 for d in given.inputs[0].shape]
    made = []
    for _ in range(20):
        feeds = {given.inputs[0].name: rng.standard_normal(shape, np.float32)}
        label = np.asarray(oracle.run(feeds)[given.outputs[0].name].argmax())
        made.append(Sample(feeds, label))
    return Samples("labelled", lambda: iter(made), len(made))


def worth(tmp_path, evaluation, *budgets):
    graph.save(program(), tmp_path / "net.onnx")
    options = Options(target="cpu-server", precision="int8", budgets=budgets)
    given = [s.feeds for s in evaluation] if evaluation else [{}]
    request = resolve(tmp_path / "net.onnx", replace(options, calibration=given))
    return Worth(request, program(), evaluation)


def off():
    """The program with its classes turned around by its last bias."""
    other = graph.clone(program())
    held = other.graph.graph.initializers["b4"]
    data = held.const_value.numpy()
    held.const_value = ir.tensor(data + 9 * np.arange(data.size, dtype=np.float32))
    return other


def test_without_data_everything_is_accurate_enough(tmp_path):
    assert worth(tmp_path, None)(off())


def test_the_program_itself_loses_nothing(tmp_path, evaluation):
    assert worth(tmp_path, evaluation, "accuracy_drop_pp=0.5")(program())


def test_a_file_that_loses_more_than_the_budget_does_not_hold(tmp_path, evaluation):
    assert not worth(tmp_path, evaluation, "accuracy_drop_pp=0.5")(off())


def test_soft_limits_count(tmp_path, evaluation):
    """The profile's own limit of one point only informs; it is still what was asked for."""
    assert not worth(tmp_path, evaluation)(off())


def test_a_file_that_cannot_be_written_does_not_hold(tmp_path, evaluation):
    broken = graph.clone(program())
    next(iter(broken.graph.graph)).op_type = "Nonsense"
    assert not worth(tmp_path, evaluation)(broken)


def test_what_one_sample_decides_may_be_chance(tmp_path, evaluation):
    """Of twenty, one lost is five points; two are more than chance."""
    for count, holds in ((1, True), (2, False)):
        made = list(evaluation)
        for index in range(count):
            made[index] = replace(made[index], label=(made[index].label + 1) % 10)
        wrong = Samples("labelled", lambda made=made: iter(made), len(made))
        assert worth(tmp_path, wrong, "accuracy_min=99")(program()) is holds
