from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcompile.profile import Budgets
from mcompile.types import Check, Measured, Precision, Provenance, Verdict
from mcompile.validate import ALWAYS, FLOOR_DB, FLOOR_PERCENT, ROWS, validate, verdict

PASSED, FAILED, UNPROVEN = Verdict.PASSED, Verdict.FAILED, Verdict.UNPROVEN
DIRECT = [Provenance.MEASURED, Provenance.SIMULATED, Provenance.STATED]
HEALTHY = (
    Measured("finite_outputs", 0.0, "samples"),
    Measured("output_shapes", 0.0, "samples"),
    Measured("determinism", 0.0, "runs"),
    Measured("sqnr_db", 120.0, "dB"),
)
finite = st.floats(-1e6, 1e6)


def judge(row, *, limit=10.0, budget="latency_p50_ms", **options):
    rows = [] if row is None else [row]
    found = validate(rows, Budgets(**{budget: limit}), **options)
    return next(c for c in found if c.name == budget)


def predicted(low, high, name="latency_p50_ms"):
    return Measured(name, 0.0, "ms", Provenance.PREDICTED, low=low, high=high)


def always(*changed):
    names = {m.name for m in changed}
    rows = [m for m in HEALTHY if m.name not in names] + list(changed)
    return {c.name: c for c in validate(rows, Budgets())}


def test_every_budget_has_exactly_one_row():
    assert sorted(r.budget for r in ROWS) == sorted({f.name for f in fields(Budgets)} - {"soft"})


def test_a_budget_that_is_not_set_is_not_checked():
    found = [c.name for c in validate(HEALTHY, Budgets(fps=30))]
    assert found == ["fps", "finite_outputs", "output_shapes", "determinism", "oracle_agreement"]


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.budget)
def test_each_row_reads_its_metric_in_its_direction(row):
    low, high = (Measured(row.metric, v, row.unit) for v in (9.0, 11.0))
    good, bad = (low, high) if row.at_most else (high, low)
    assert judge(good, budget=row.budget).verdict is PASSED
    assert judge(bad, budget=row.budget).verdict is FAILED
    assert judge(Measured(row.metric, 10.0, row.unit), budget=row.budget).verdict is PASSED


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.budget)
def test_an_unmeasured_budget_never_passes(row):
    check = judge(None, budget=row.budget)
    assert check.verdict is UNPROVEN
    assert check.because == f"{row.metric} was not measured"


@given(finite, finite, st.sampled_from(DIRECT), st.sampled_from(ROWS))
def test_a_direct_number_is_inside_or_outside(value, limit, provenance, row):
    check = judge(Measured(row.metric, value, "", provenance), limit=limit, budget=row.budget)
    inside = value <= limit if row.at_most else value >= limit
    assert check.verdict is (PASSED if inside else FAILED)


@given(st.tuples(finite, finite).map(sorted), finite, st.sampled_from(ROWS))
def test_a_prediction_decides_only_with_its_whole_interval(interval, limit, row):
    low, high = interval
    check = judge(predicted(low, high, row.metric), limit=limit, budget=row.budget)
    ends = [v <= limit if row.at_most else v >= limit for v in (low, high)]
    expected = PASSED if all(ends) else UNPROVEN if any(ends) else FAILED
    assert check.verdict is expected


@given(finite, finite, st.sampled_from(ROWS))
def test_an_open_prediction_never_passes_on_its_open_side(edge, limit, row):
    row_open = (
        predicted(edge, None, row.metric) if row.at_most else predicted(None, edge, row.metric)
    )
    check = judge(row_open, limit=limit, budget=row.budget)
    outside = edge > limit if row.at_most else edge < limit
    assert check.verdict is (FAILED if outside else UNPROVEN)


def test_a_prediction_without_an_interval_proves_nothing():
    assert judge(predicted(None, None)).verdict is UNPROVEN


@given(
    st.sampled_from(Provenance),
    st.sampled_from(ROWS),
    st.booleans(),
    st.sampled_from([(math.nan, math.nan), (math.nan, 1.0), (1.0, math.nan)]),
)
def test_nan_never_passes(provenance, row, counts, ends):
    low, high = ends
    nan = Measured(row.metric, math.nan, "", provenance, low=low, high=high, counts=counts)
    for limit in (-1e9, 0.0, 1e9, math.nan):
        assert judge(nan, limit=limit, budget=row.budget).verdict is not PASSED


def test_a_measured_nan_says_what_it_is():
    check = judge(Measured("latency_p50_ms", math.nan, "ms"))
    assert (check.verdict, check.because) == (FAILED, "it is not a number")


def test_a_number_from_another_device_proves_nothing():
    elsewhere = Measured("latency_p50_ms", 1.0, "ms", device="Xeon", counts=False)
    check = judge(elsewhere)
    assert check.verdict is UNPROVEN
    assert check.because == "measured on Xeon, which is not the profile's device"
    assert check.measured is elsewhere
    assert judge(replace(elsewhere, doubt="it has no i8mm")).because == "it has no i8mm"


@pytest.mark.parametrize("order", [1, -1])
def test_the_best_number_of_a_name_decides(order):
    name = "latency_p50_ms"
    ranked = [
        Measured(name, 1.0, "ms"),
        Measured(name, 2.0, "ms", Provenance.SIMULATED),
        Measured(name, 3.0, "ms", Provenance.STATED),
        Measured(name, 4.0, "ms", Provenance.PREDICTED, low=3.0, high=5.0),
        Measured(name, 5.0, "ms", counts=False),
    ]
    for best in range(len(ranked)):
        check = validate(ranked[best:][::order], Budgets(latency_p50_ms=10))[0]
        assert check.measured is ranked[best]


def test_a_prediction_decides_where_the_measurement_was_made_elsewhere():
    elsewhere = Measured("latency_p50_ms", 1.0, "ms", counts=False)
    rows = [elsewhere, predicted(20, 30)]
    assert validate(rows, Budgets(latency_p50_ms=10))[0].verdict is FAILED
    rows = [elsewhere, predicted(2, 3)]
    assert validate(rows, Budgets(latency_p50_ms=10))[0].verdict is PASSED


def test_a_soft_budget_informs():
    budgets = Budgets(latency_p50_ms=10, soft=frozenset({"latency_p50_ms"}))
    checks = validate([*HEALTHY, Measured("latency_p50_ms", 11.0, "ms")], budgets)
    assert (checks[0].verdict, checks[0].hard) == (FAILED, False)
    assert verdict(checks) is PASSED


def test_with_measuring_required_the_unproven_fails():
    check = judge(predicted(1, 20), require_measured=True)
    assert check.verdict is FAILED
    assert "--require-measured" in check.because
    assert "inside the predicted interval" in check.because


def test_with_measuring_required_a_soft_budget_stays_unproven():
    budgets = Budgets(latency_p50_ms=10, soft=frozenset({"latency_p50_ms"}))
    assert validate([], budgets, require_measured=True)[0].verdict is UNPROVEN


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([PASSED, FAILED, UNPROVEN], FAILED),
        ([PASSED, UNPROVEN], UNPROVEN),
        ([PASSED, PASSED], PASSED),
        ([], UNPROVEN),
    ],
)
def test_the_verdict_is_that_of_the_worst_hard_check(verdicts, expected):
    checks = [Check("a", 1.0, None, v) for v in verdicts]
    assert verdict(checks) is expected
    soft = Check("b", 1.0, None, FAILED, hard=False)
    assert verdict([*checks, soft]) is expected


def test_a_healthy_artifact_passes_what_is_always_on():
    found = always()
    assert {c.verdict for c in found.values()} == {PASSED}
    assert {c.limit for c in found.values()} == {None}
    assert set(found) == {r.metric for r in ALWAYS} | {"oracle_agreement"}


@pytest.mark.parametrize("row", ALWAYS, ids=lambda r: r.metric)
@pytest.mark.parametrize("counts", [True, False])
def test_a_violation_fails_wherever_it_was_seen(row, counts):
    check = always(Measured(row.metric, 1.0, row.unit, counts=counts))[row.metric]
    assert check.verdict is FAILED
    assert check.advice


def test_health_seen_elsewhere_or_not_at_all_is_unproven():
    elsewhere = always(Measured("determinism", 0.0, "runs", counts=False))
    assert elsewhere["determinism"].verdict is UNPROVEN
    assert {c.verdict for c in validate([], Budgets())} == {UNPROVEN}


@pytest.mark.parametrize("counts", [True, False])
def test_a_nan_count_is_a_violation(counts):
    nan = Measured("determinism", math.nan, "runs", counts=counts)
    assert always(nan)["determinism"].verdict is FAILED


@pytest.mark.parametrize("precision", Precision)
def test_each_precision_has_its_floor_of_agreement(precision):
    floor = FLOOR_DB[precision]
    for value, expected in ((floor, PASSED), (floor - 0.1, FAILED), (math.nan, FAILED)):
        rows = [*HEALTHY[:3], Measured("sqnr_db", value, "dB")]
        check = validate(rows, Budgets(), precision=precision)[-1]
        assert (check.name, check.verdict) == ("oracle_agreement", expected)


@pytest.mark.parametrize("precision", Precision)
def test_without_a_float_output_elements_are_compared(precision):
    floor = FLOOR_PERCENT[precision]
    for value, expected in ((floor, PASSED), (floor - 0.1, FAILED)):
        rows = [*HEALTHY[:3], Measured("agreement", value, "%")]
        assert validate(rows, Budgets(), precision=precision)[-1].verdict is expected


def test_a_vacuous_comparison_proves_nothing():
    row = Measured("sqnr_db", 200.0, "dB", counts=False, doubt="the reference output is constant")
    check = always(row)["oracle_agreement"]
    assert (check.verdict, check.because) == (UNPROVEN, "the reference output is constant")


@pytest.mark.parametrize(
    ("budget", "metric", "value", "precision", "advice"),
    [
        ("latency_p50_ms", "latency_p50_ms", 21.0, Precision.FP32, "stronger runtime"),
        ("latency_p50_ms", "latency_p50_ms", 19.0, Precision.FP32, "smaller input"),
        ("size_mb", "size_mb", 21.0, Precision.FP32, "int8"),
        ("size_mb", "size_mb", 21.0, Precision.INT8, "pruning"),
        ("size_mb", "size_mb", 19.0, Precision.FP32, "pruning"),
        ("accuracy_drop_pp", "accuracy_drop_pp", 10.1, Precision.INT8, "distil"),
        ("sqnr_db_min", "sqnr_db", 9.0, Precision.INT8, "calibration data; then fp16"),
        ("sqnr_db_min", "sqnr_db", 9.0, Precision.FP16, "fp32"),
        ("sqnr_db_min", "sqnr_db", 9.0, Precision.FP32, "report"),
        ("sqnr_db_min", "sqnr_db", 9.0, Precision.INT4_WEIGHTS, "int8-weights; then fp16"),
        ("sqnr_db_min", "sqnr_db", 9.0, Precision.INT8_WEIGHTS, "fp16; then fp32"),
        ("sqnr_db_min", "sqnr_db", 9.0, Precision.INT8_DYNAMIC, "int8-weights; then fp16"),
        ("sqnr_db_min", "sqnr_db", 9.0, Precision.INT16X8, "calibration data; then fp16"),
        ("accuracy_drop_pp", "accuracy_drop_pp", 10.1, Precision.INT4_WEIGHTS, "int8-weights"),
        ("size_mb", "size_mb", 21.0, Precision.INT4_WEIGHTS, "pruning"),
        ("accuracy_min", "accuracy", 9.0, Precision.INT4_WEIGHTS, "distil"),
        ("accuracy_min", "accuracy", 9.0, Precision.INT8, "distil"),
        ("accuracy_min", "accuracy", 9.0, Precision.FP32, "better trained"),
    ],
)
def test_a_failure_says_what_to_do_first(budget, metric, value, precision, advice):
    check = judge(Measured(metric, value, ""), budget=budget, precision=precision)
    assert check.verdict is FAILED
    assert advice in check.advice


def test_a_small_drop_asks_for_data_before_training():
    check = judge(
        Measured("accuracy_drop_pp", 2.0, "pp"),
        limit=1.0,
        budget="accuracy_drop_pp",
        precision=Precision.INT8,
    )
    assert check.advice.startswith("more calibration data")


def test_what_passed_needs_no_advice():
    assert judge(Measured("latency_p50_ms", 1.0, "ms")).advice == ""


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.budget)
def test_every_failure_has_advice_and_a_reason(row):
    bad = Measured(row.metric, 10.5 if row.at_most else 9.5, row.unit)
    check = judge(bad, budget=row.budget)
    assert check.advice
    assert ("above" if row.at_most else "below") in check.because


@pytest.mark.parametrize("table", [FLOOR_DB, FLOOR_PERCENT])
def test_every_precision_has_a_floor_and_more_bits_a_higher_one(table):
    assert set(table) == set(Precision)
    assert table[Precision.FP32] == max(table.values())
    assert table[Precision.INT4_WEIGHTS] < table[Precision.INT8_WEIGHTS]
    assert table[Precision.INT8] < table[Precision.INT16X8]
