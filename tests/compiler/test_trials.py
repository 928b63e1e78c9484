"""Programs are run as the backend writes them, and scored by their worst output."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize.recipe import Score
from mcompile.trials import Trials

from .conftest import asked, inputs, program


def test_a_trial_scores_files_by_their_worst_output(tmp_path):
    given = program()
    feeds = inputs(3)
    broken, off = graph.clone(given), graph.clone(given)
    next(iter(broken.graph.graph)).op_type = "Nonsense"
    held = off.graph.graph.initializers["b4"]
    held.const_value = ir.tensor(held.const_value.numpy() + np.float32(0.5))
    trials = Trials(asked(tmp_path, "int8"), given, feeds)
    same, none, shifted = trials([given, broken, off], timed=True)
    assert same.sqnr_db > 100
    assert 0 < same.latency_ms < np.inf
    assert none == Score(-200.0, np.inf)
    signal = sum((Oracle(given).run(f)["y"] ** 2).sum() for f in feeds)
    assert shifted.sqnr_db == pytest.approx(10 * np.log10(signal / (3 * 10 * 0.25)), abs=0.01)


def test_nothing_is_timed_unless_asked(tmp_path):
    trials = Trials(asked(tmp_path, "int8"), program(), inputs(1))
    assert trials([program()])[0].latency_ms == 0.0
