"""The latency distribution."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from mcompile.record import Report
from mcompile.report import plots


def test_the_plot_is_an_svg_with_an_outline_for_each_variant(sample: Report) -> None:
    svg = plots.latency(sample)
    root = ElementTree.fromstring(f'<r xmlns:xlink="http://www.w3.org/1999/xlink">{svg}</r>')[0]
    assert root.tag.endswith("svg")
    assert svg.count("stroke: var(--series-0)") >= 1
    assert svg.count("stroke: var(--series-1)") >= 1
    assert "p99 limit" in svg


def test_the_plot_is_the_same_every_time_whatever_the_user_configured(sample: Report) -> None:
    import matplotlib as mpl

    first = plots.latency(sample)
    with mpl.rc_context({"axes.grid": True, "font.size": 30}):
        assert plots.latency(sample) == first


def test_the_plot_asks_for_nothing_from_elsewhere(sample: Report) -> None:
    svg = plots.latency(sample)
    assert "<metadata" not in svg
    assert "<!DOCTYPE" not in svg
    assert "url(http" not in svg
    assert "000001" not in svg
    assert len(svg) < 40_000


def test_slow_outliers_are_left_out_and_counted(sample: Report) -> None:
    variants = plots.drawn(sample)
    end, slower = plots.beyond(variants)
    assert slower == sum(t > end for v in variants for t in v.latency_ms)
    assert 0 < slower < 10


def test_without_times_there_is_no_plot(bare: Report, sample: Report) -> None:
    assert plots.latency(bare) == ""
    silent = tuple(replace(v, latency_ms=()) for v in sample.variants)
    assert plots.latency(replace(sample, variants=silent)) == ""


def test_equal_times_and_a_single_run_are_drawn(sample: Report) -> None:
    same = tuple(replace(v, latency_ms=(2.0,)) for v in sample.variants)
    assert plots.latency(replace(sample, variants=same)).startswith("<svg")
