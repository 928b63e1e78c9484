"""Which artifacts are worth having."""

from __future__ import annotations

from dataclasses import replace

from mcompile.record import Report
from mcompile.report import front


def test_a_point_that_is_beaten_everywhere_is_not_on_the_front() -> None:
    points = [(1.0, 5.0), (5.0, 1.0), (3.0, 3.0), (4.0, 4.0)]
    assert front.front(points) == {0, 1, 2}


def test_equals_share_the_front() -> None:
    assert front.front([(1.0, 1.0), (1.0, 1.0)]) == {0, 1}


def test_a_point_that_lacks_a_figure_neither_wins_nor_beats() -> None:
    assert front.front([(1.0, None), (2.0, 2.0)]) == {1}
    assert front.front([]) == frozenset()


def test_a_report_becomes_size_latency_and_negated_quality(sample: Report, bare: Report) -> None:
    axes = ("size", "latency_p50", "accuracy")
    assert front.axes([sample]) == axes
    assert front.point(sample, axes) == (4.92, 8.31, -85.0)
    assert front.point(bare, axes) == (None, None, None)


def test_quality_is_what_most_artifacts_have_and_the_task_comes_first(sample: Report) -> None:
    assert front.quality([sample, sample]) == "accuracy"
    kept = tuple(m for m in sample.variants[0].measured if m.name != "accuracy")
    unlabelled = replace(sample, variants=(replace(sample.variants[0], measured=kept),))
    assert front.quality([unlabelled]) == "agreement"


def test_an_axis_with_a_figure_that_does_not_count_ranks_nobody(sample: Report) -> None:
    fast = _changed(sample, "latency_p50_ms", value=1.0, counts=False)
    small = _changed(sample, "size_mb", value=1.0)
    assert front.doubted([sample, small]) == ()
    assert front.chosen([_changed(sample, "latency_p50_ms", value=1.0), small]) == {0, 1}
    assert front.doubted([fast, small]) == ("latency_p50",)
    assert front.chosen([fast, small]) == {1}


def _changed(report: Report, name: str, **fields: object) -> Report:
    variant = report.variants[0]
    rows = (replace(m, **fields) if m.name == name else m for m in variant.measured)
    return replace(report, variants=(replace(variant, measured=tuple(rows)),))
