from __future__ import annotations

import pytest

from mcompile.measure.accuracy import METRICS
from mcompile.measure.comparison import compare, drop
from mcompile.types import Measured, Provenance


def rows(**figures):
    return [Measured(name, value, "") for name, value in figures.items()]


BEFORE = rows(params_m=8.0, latency_p50_ms=12.0, energy_mj=90.0, accuracy=80.0)
AFTER = rows(params_m=4.0, latency_p50_ms=8.0, energy_mj=30.0, accuracy=76.0)


def test_the_four_ratios_follow_their_definitions():
    found = {m.name: m.value for m in compare(BEFORE, AFTER)}
    assert found == pytest.approx({"pcr": 2.0, "its": 1.5, "esr": 3.0, "al": 0.05})


def test_a_ratio_needs_both_sides():
    assert [m.name for m in compare(BEFORE, AFTER[:1])] == ["pcr"]
    assert compare([], AFTER) == ()


def test_nothing_is_divided_by_zero():
    assert compare(rows(latency_p50_ms=1.0), rows(latency_p50_ms=0.0)) == ()
    assert compare(rows(accuracy=0.0), rows(accuracy=1.0)) == ()


def test_a_prediction_is_not_compared():
    predicted = [Measured("latency_p50_ms", 1.0, "ms", Provenance.PREDICTED)]
    assert compare(BEFORE, predicted) == ()


def test_a_ratio_counts_only_where_both_sides_do():
    elsewhere = [Measured("latency_p50_ms", 8.0, "ms", counts=False, device="Xeon")]
    (row,) = compare(BEFORE, elsewhere)
    assert (row.counts, row.device) == (False, "Xeon")


def test_a_simulated_side_makes_the_ratio_simulated():
    simulated = [Measured("accuracy", 60.0, "%", Provenance.SIMULATED)]
    assert compare(BEFORE, simulated)[0].provenance is Provenance.SIMULATED
    assert compare(simulated, AFTER)[0].provenance is Provenance.SIMULATED


def test_the_drop_is_in_points_and_negative_where_better():
    (row,) = drop(BEFORE, AFTER, METRICS["top1"])
    assert (row.name, row.value, row.unit) == ("accuracy_drop_pp", 4.0, "pp")
    assert drop(AFTER, BEFORE, METRICS["top1"])[0].value == -4.0


def test_the_drop_of_an_error_is_its_growth():
    (row,) = drop(rows(mae=0.5), rows(mae=0.7), METRICS["mae"])
    assert row.value == pytest.approx(0.2)
    assert row.unit == ""


def test_without_a_side_there_is_no_drop():
    assert drop(BEFORE, [], METRICS["top1"]) == ()
