"""Between runtimes as between precisions: accuracy before speed, and chance decides nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcompile.contest import settled
from mcompile.options import Options
from mcompile.record import Report, Rival, Variant
from mcompile.request import resolve
from mcompile.runtimes import Runtimes
from mcompile.types import Measured, Precision, Provenance, Verdict
from mcompile.validate import validate

INT8 = Precision.INT8
REQUEST = resolve("m", Options(target="cpu-server"))


def ranked_by(latency: str, *out: Rival, contested: bool = True) -> Runtimes:
    request = replace(REQUEST, target=replace(REQUEST.target, ranked_by=latency))
    return Runtimes({"onnxruntime": request}, contested, list(out))


def report(backend: str, p50: float, sqnr_db: float = 30.0, *, tail: float = 1.0, **more) -> Report:
    """An INT8 build whose times lie within 2 % of the median, but for the last three of 200."""
    times = tuple(p50 * (0.98 + 0.04 * k / 196) for k in range(197)) + (p50 * tail,) * 3
    ranked = sorted(times)
    figures = (
        Measured("size_mb", 1.0, "MB"),
        Measured("latency_p50_ms", p50, "ms"),
        Measured("latency_p99_ms", ranked[197], "ms"),
        Measured("sqnr_db", sqnr_db, "dB"),
        *(Measured(name, value, "") for name, value in more.items()),
    )
    checks = validate(figures, REQUEST.target.budgets, precision=INT8)
    variant = Variant("int8", INT8, figures, times)
    return Report(
        "m", "t", backend, INT8, INT8, Verdict.PASSED, checks, (variant,), headlines=("said",)
    )


def taken(one: Report, other: Report, latency: str = "latency_p50_ms") -> Report:
    return settled({r.backend: r for r in (one, other)}, ranked_by(latency))


def test_without_a_contest_the_report_is_as_it_was() -> None:
    own = report("onnxruntime", 1.0)
    assert settled({"onnxruntime": own}, ranked_by("latency_p50_ms", contested=False)) is own


@pytest.mark.parametrize("latency", ["latency_p50_ms", "latency_p99_ms"])
def test_the_faster_is_taken_and_the_other_reported(latency: str) -> None:
    slow = report("onnxruntime", 2.0, 40.0)
    found = taken(slow, report("openvino", 1.0), latency)
    assert found.backend == "openvino"
    assert found.headlines[0].startswith("auto chose the runtime openvino (int8, 1")
    assert "; not onnxruntime (int8, 2" in found.headlines[0]
    assert found.headlines[1] == "said"
    [rival] = found.rivals
    assert (rival.backend, rival.built, rival.verdict) == ("onnxruntime", INT8, Verdict.PASSED)
    assert rival.measured == slow.variants[0].measured
    assert rival.missed == ()


def test_a_missed_limit_of_accuracy_comes_before_speed() -> None:
    found = taken(report("onnxruntime", 2.0), report("openvino", 1.0, 5.0))
    assert found.backend == "onnxruntime"
    assert "openvino (int8, 1 ms p50, 5.0 dB; misses sqnr_db_min)" in found.headlines[0]
    assert found.rivals[0].missed == ("sqnr_db_min",)


def test_a_failed_hard_check_comes_before_speed() -> None:
    found = taken(report("onnxruntime", 2.0), report("openvino", 1.0, error_rate=50.0))
    assert found.backend == "onnxruntime"
    assert found.rivals[0].missed == ("error_rate_max",)


def test_of_two_as_fast_the_more_accurate_is_taken() -> None:
    found = taken(report("onnxruntime", 1.0, 30.0), report("openvino", 1.01, 35.0))
    assert found.backend == "openvino"


def test_a_tail_of_three_runs_decides_nothing() -> None:
    """Three long runs of 200 move p99 from 1 to 3 ms; the medians are 2 and 1 ms."""
    lucky = report("onnxruntime", 2.0, tail=1.0)
    unlucky = report("openvino", 1.0, tail=3.0)
    assert lucky.variants[0].find("latency_p99_ms").value < 3.0
    found = taken(lucky, unlucky, "latency_p99_ms")
    assert found.backend == "openvino"
    assert found.headlines[0].endswith("; 200 runs do not tell their p99 apart, so p50 decided")


def test_a_tail_that_is_told_apart_decides_against_the_median() -> None:
    """Half of the runs of one are long: its p99 is, whatever the median says."""
    steady = report("onnxruntime", 2.0)
    times = (1.0,) * 150 + (5.0,) * 50
    torn = report("openvino", 1.0)
    figures = (Measured("latency_p50_ms", 1.0, "ms"), Measured("latency_p99_ms", 5.0, "ms"))
    torn = replace(torn, variants=(replace(torn.variants[0], measured=figures, latency_ms=times),))
    assert taken(steady, torn, "latency_p99_ms").backend == "onnxruntime"
    assert taken(steady, torn, "latency_p50_ms").backend == "openvino"


def test_a_runtime_that_was_left_out_is_said_with_the_way_in() -> None:
    out = Rival("openvino", out="it is not installed here", fix="pip install it")
    found = settled({"onnxruntime": report("onnxruntime", 1.0)}, ranked_by("latency_p50_ms", out))
    assert found.headlines[:2] == (
        "auto chose the runtime onnxruntime (int8, 1 ms p50, 30.0 dB)",
        "openvino was left out: it is not installed here; pip install it",
    )
    assert found.rivals == (out,)


def simulated(backend: str, p50: float, sqnr_db: float) -> Report:
    """A build whose device is not here: nothing was timed."""
    own = report(backend, p50, sqnr_db)
    told = {"latency_p50_ms", "latency_p99_ms"}
    figures = tuple(
        replace(m, provenance=Provenance.PREDICTED, low=m.value / 2, high=m.value * 2)
        if m.name in told
        else m
        for m in own.variants[0].measured
    )
    return replace(own, variants=(replace(own.variants[0], measured=figures, latency_ms=()),))


@pytest.mark.parametrize("latency", ["latency_p50_ms", "latency_p99_ms"])
def test_where_nothing_was_timed_the_prediction_is_said_to_be_one(latency: str) -> None:
    found = taken(simulated("tensorrt", 2.0, 30.0), simulated("tensorrt_rtx", 1.0, 30.0), latency)
    said = found.headlines[0]
    assert said == (
        "auto chose the runtime tensorrt_rtx (int8, 1 ms p50 predicted, 30.0 dB); "
        "not tensorrt (int8, 2 ms p50 predicted, 30.0 dB)"
    )


def test_predictions_that_are_the_same_leave_it_to_the_accuracy() -> None:
    found = taken(simulated("tensorrt", 1.0, 30.0), simulated("tensorrt_rtx", 1.0, 31.0))
    assert found.backend == "tensorrt_rtx"
