"""What it would take, where integers do not hold what is asked of their accuracy."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from mcompile.record import TriedRow
from mcompile.shortfall import advised
from mcompile.types import Check, Measured, Precision, Verdict

INT8, FLOAT, HALF = Precision.INT8, Precision.FP32, Precision.FP16
PLAIN = TriedRow("plain", (), 10.0, 4.0, taken=True)
BEST = TriedRow("the 12 noisiest layers float", ("a",) * 12, 18.3, 5.24, taken=False)
TIMES = {
    FLOAT: (Measured("latency_p50_ms", 7.123, "ms"),),
    HALF: (Measured("latency_p50_ms", 6.0, "ms", low=5.0, high=7.0),),
    INT8: (Measured("latency_p50_ms", 4.0, "ms"),),
}


def failed(name="sqnr_db_min", limit: float | None = 24.2, value=10.0, unit="dB") -> Check:
    measured = Measured(name.removesuffix("_min"), value, unit)
    return Check(name, limit, measured, Verdict.FAILED, advice="the old one")


def met(name="sqnr_db_min") -> Check:
    return Check(name, 24.2, Measured("sqnr_db", 99.0, "dB"), Verdict.PASSED)


def advice(check: Check, tried=(PLAIN, BEST), others=None) -> str:
    checks = {INT8: (check,), **(others or {})}
    [found] = advised(checks, INT8, tried, TIMES)
    return found.advice


def test_it_says_what_is_missing_what_came_nearest_and_who_meets_it() -> None:
    assert advice(failed(), others={FLOAT: (met(),)}) == (
        "needs 14.2 dB more; best tried: the 12 noisiest layers float, 18.3 dB at 1.31x the "
        "latency of this one; fp32 meets it at 7.12 ms; else distil or train quantization-aware"
    )


def test_a_form_that_fails_too_is_not_named_and_a_predicted_time_is_not_told() -> None:
    others = {FLOAT: (failed(),), HALF: (met(),)}
    text = advice(failed(), others=others)
    assert "fp32" not in text
    assert "; fp16 meets it; " in text


def test_where_the_most_accurate_file_was_taken_its_price_is_said() -> None:
    tried = (replace(PLAIN, taken=False), replace(BEST, taken=True))
    assert (
        "; the most accurate of 2 files tried was taken: the 12 noisiest layers float, 18.3 dB "
        "at 1.31x the latency of the plain one; "
    ) in advice(failed(), tried=tried)
    worse = TriedRow("x", (), 9.0, 1.0, taken=False)
    text = advice(failed(), tried=(PLAIN, worse))
    assert "the most accurate of 2 files tried was taken: plain, 10.0 dB; " in text


def test_where_one_file_was_tried_there_is_nothing_to_compare() -> None:
    assert advice(failed(), tried=(PLAIN,)) == (
        "needs 14.2 dB more; else distil or train quantization-aware"
    )


@pytest.mark.parametrize("latency", [0.0, math.inf])
def test_a_file_without_a_time_has_no_price(latency) -> None:
    untimed = TriedRow("x", (), 18.3, latency, taken=False)
    assert "best tried: x, 18.3 dB;" in advice(failed(), tried=(PLAIN, untimed))


@pytest.mark.parametrize(
    ("check", "missing"),
    [
        (failed("accuracy_min", 90.0, 85.5, "%"), "needs 4.5 pp more;"),
        (failed("accuracy_drop_pp", 1.0, 3.25, "pp"), "needs 2.25 pp less;"),
        (failed("agreement_min", 98.0, 90.0, "%"), "needs 8 pp more;"),
        (failed("oracle_agreement", None, 1.0, "dB"), "needs 2 dB more;"),
        (failed("oracle_agreement", None, 20.0, "%"), "needs 30 pp more;"),
    ],
)
def test_what_is_missing_is_said_in_the_unit_of_the_check(check, missing) -> None:
    assert advice(check).startswith(missing)


def test_a_figure_that_is_no_number_lacks_no_number() -> None:
    assert advice(failed(value=math.nan)).startswith("best tried: ")


def test_other_checks_and_other_verdicts_keep_their_advice() -> None:
    slow = Check("latency_p50_ms", 1.0, Measured("latency_p50_ms", 2.0, "ms"), Verdict.FAILED,
                 advice="smaller")  # fmt: skip
    good = met()
    assert advised({INT8: (slow, good)}, INT8, (PLAIN, BEST), TIMES) == (slow, good)


def test_without_anything_tried_the_advice_stays() -> None:
    assert advice(failed(), tried=()) == "the old one"
