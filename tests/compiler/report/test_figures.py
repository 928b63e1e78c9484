"""Numbers, names and provenance in words."""

from __future__ import annotations

import math
import unicodedata

import pytest

from mcompile.report import figures
from mcompile.types import Measured, Provenance


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (11.9, "MB", "11.9 MB"),
        (60, "ms", "60.0 ms"),
        (0.4, "ms", "0.400 ms"),
        (9.384, "ms", "9.38 ms"),
        (131.4, "qps", "131 qps"),
        (12345.6, "qps", "12,346 qps"),
        (0.265, "x", "0.265\N{MULTIPLICATION SIGN}"),
        (0.0, "", "0"),
        (-5.0, "pp", "-5.00 pp"),
        (0.000012, "USD", "1.20e-05 USD"),
        (math.inf, "dB", "∞ dB"),
        (math.nan, "%", "not a number %"),
    ],
)
def test_a_figure_has_three_digits_and_its_unit(value: float, unit: str, text: str) -> None:
    assert figures.figure(value, unit) == text


def test_a_value_and_its_limit_never_look_alike_unless_they_are() -> None:
    assert figures.apart(60.004, 60.0, "ms") == ("60.004 ms", "60.000 ms")
    assert figures.apart(99.96, 100.0, "%") == ("99.96 %", "100 %")
    assert figures.apart(60.0, 60.0, "ms") == ("60.0 ms", "60.0 ms")
    assert figures.apart(11.9, 12.0, "MB") == ("11.9 MB", "12.0 MB")
    assert figures.apart(1e-12, 2e-12, "")[0] != figures.apart(1e-12, 2e-12, "")[1]


@pytest.mark.parametrize(
    ("name", "label", "unit"),
    [
        ("size_mb", "size", "MB"),
        ("latency_p50_ms", "latency p50", "ms"),
        ("sqnr_db_min", "SQNR", "dB"),
        ("accuracy_drop_pp", "accuracy drop", "pp"),
        ("cost_usd_per_day", "cost", "USD/day"),
        ("macs_g", "MACs", "G"),
        ("top1", "top-1", ""),
        ("fps", "FPS", ""),
    ],
)
def test_a_name_is_said_without_its_unit(name: str, label: str, unit: str) -> None:
    assert (figures.label(name), figures.unit_of(name)) == (label, unit)


def test_more_is_better_for_rates_and_least_values() -> None:
    assert all(map(figures.is_floor, ("throughput_qps", "fps", "accuracy_min", "sqnr_db_min")))
    assert not any(map(figures.is_floor, ("size_mb", "latency_p99_ms", "accuracy_drop_pp")))


def test_a_prediction_is_shown_as_its_interval() -> None:
    row = Measured("latency_p50_ms", 57.0, "ms", Provenance.PREDICTED, 44.0, 71.0, "4x Cortex-A72")
    assert figures.found(row) == "44.0..71.0 ms"
    assert figures.source(row) == "predicted for 4x Cortex-A72"


def test_an_interval_may_be_open_at_an_end() -> None:
    below = Measured("ram_kb", 3.0, "kB", Provenance.PREDICTED, low=3.0)
    above = Measured("ram_kb", 3.0, "kB", Provenance.PREDICTED, high=4.0)
    assert (figures.found(below), figures.found(above)) == ("at least 3.00 kB", "at most 4.00 kB")


def test_a_measurement_on_another_device_says_so() -> None:
    here = Measured("x", 1.0, "ms", device="a", note="9 runs")
    there = Measured("x", 1.0, "ms", device="b", counts=False)
    assert figures.source(here) == "measured, 9 runs"
    assert figures.source(there) == "measured elsewhere"
    assert figures.source(Measured("x", 1.0, "", Provenance.SIMULATED)) == "simulated"
    assert figures.source(Measured("x", 1.0, "", Provenance.STATED)) == "stated"


def test_a_line_has_no_character_that_cannot_be_seen() -> None:
    text = figures.line("a\nb\x1b[31m\u202e\ud800\u2028é")
    assert text == "a␊b␛[31m���é"
    assert not {unicodedata.category(c) for c in text} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_times_sizes_and_counts_take_the_unit_that_suits_them() -> None:
    assert [figures.seconds(t) for t in (0.012, 0.4, 125.0)] == ["12 ms", "0.4 s", "2 min 05 s"]
    assert [figures.size(n) for n in (12, 4_920_113, 2.5e9)] == ["12 B", "4.92 MB", "2.50 GB"]
    assert [figures.count(n, "node") for n in (1, 1200)] == ["1 node", "1,200 nodes"]
