"""The rows that every format shows."""

from __future__ import annotations

from dataclasses import replace

from mcompile.record import Report
from mcompile.report import tables
from mcompile.types import Check, Measured, Verdict


def test_every_check_becomes_a_row_in_its_order(sample: Report) -> None:
    rows = tables.rows(sample)
    assert [r.name for r in rows] == [c.name for c in sample.checks]
    assert (rows[0].limit, rows[0].found, rows[0].state) == ("12.0 MB", "4.92 MB", "passed")


def test_a_soft_limit_is_missed_and_not_failed(sample: Report) -> None:
    states = {r.name: r.state for r in tables.rows(sample)}
    assert states["throughput_qps"] == "missed"
    assert states["latency_p99_ms"] == "failed"


def test_an_unmeasured_budget_shows_its_limit_and_no_number(sample: Report) -> None:
    row = next(r for r in tables.rows(sample) if r.name == "power_w")
    assert (row.limit, row.found, row.source) == ("15.0 W", "not measured", "")


def test_a_check_without_limit_leaves_it_blank(sample: Report) -> None:
    assert tables.rows(sample)[-1].limit == ""


def test_a_row_says_which_metric_the_budget_was_held_against() -> None:
    check = Check("accuracy_min", 0.5, Measured("top5", 91.0, "%"), Verdict.PASSED)
    assert tables.row(check).label == "accuracy, top-5"


def test_a_value_a_hair_over_its_limit_is_shown_over_it() -> None:
    check = Check("size_mb", 12.0, Measured("size_mb", 12.0004, "MB"), Verdict.FAILED)
    row = tables.row(check)
    assert (row.found, row.limit) == ("12.0004 MB", "12.0000 MB")


def test_the_tally_counts_soft_limits_apart(sample: Report) -> None:
    assert tables.tally(sample) == "6 passed, 1 failed, 3 unproven, 1 soft limit missed"


def test_variants_stand_side_by_side_with_the_artifact_last(sample: Report) -> None:
    side = next(s for s in tables.sides(sample) if s.name == "accuracy")
    assert tables.titles(sample) == ("fp32", "int8")
    assert side.cells == ("90.0 %", "85.0 %")
    assert side.change == "-5.00 pp"


def test_a_figure_of_one_variant_leaves_the_other_blank(sample: Report) -> None:
    side = next(s for s in tables.sides(sample) if s.name == "sqnr_db")
    assert (side.cells, side.sources, side.change) == (("", "18.7 dB"), ("", "simulated"), "")


def test_details_come_after_what_matters_and_notes_are_said_once(sample: Report) -> None:
    made = tables.sides(sample)
    assert [s.detail for s in made] == sorted(s.detail for s in made)
    latency = [s.note for s in made if s.name in {"latency_p50_ms", "latency_p90_ms"}]
    assert latency == ["400 runs", ""]


def test_a_change_is_a_factor_or_a_difference_in_the_same_unit() -> None:
    two, four = Measured("x", 2.0, "MB"), Measured("x", 4.0, "MB")
    assert tables.change(two, four) == "2.00\N{MULTIPLICATION SIGN}"
    assert tables.change(replace(two, unit="dB"), replace(four, unit="dB")) == "+2.00 dB"
    assert tables.change(two, replace(four, unit="kB")) == ""
    assert tables.change(replace(two, value=0.0), four) == ""
    assert tables.change(None, four) == ""


def test_rules_are_counted_by_what_came_of_them(sample: Report) -> None:
    found = {t.rule: (t.applied, t.skipped, t.undone) for t in tables.tried(sample)}
    assert found["fold_batch_norm"] == (49, 1, 0)
    assert found["fold_constants"] == (0, 0, 1)


def test_ops_are_counted_before_and_after_the_most_frequent_first(sample: Report) -> None:
    rows = tables.ops(sample)
    assert (rows[0].op, rows[0].before, rows[0].after) == ("DequantizeLinear", 0, 146)
    assert sum(o.before for o in rows) == len(sample.graph_before)
