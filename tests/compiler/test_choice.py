"""Where the choice is left open, accuracy comes before speed and noise decides nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcompile import graph
from mcompile.choice import Candidate, choose, missed_accuracy, worth_trying
from mcompile.options import Options
from mcompile.profile import Budgets
from mcompile.request import Request, resolve
from mcompile.types import Measured, Precision, Provenance, Verdict
from mcompile.validate import validate

FLOAT, INT8, DYNAMIC = Precision.FP32, Precision.INT8, Precision.INT8_DYNAMIC
SOFT = Budgets(sqnr_db_min=20.0, soft=frozenset({"sqnr_db_min"}))


def form(precision, p50, sqnr_db, budgets=SOFT, *, counts=True, **more) -> Candidate:
    """A form with a latency, a nearness to the oracle, and whatever else is named."""
    figures = [
        Measured("latency_p50_ms", p50, "ms"),
        Measured("sqnr_db", sqnr_db, "dB", counts=counts),
        *(Measured(name, value, "") for name, value in more.items()),
    ]
    return Candidate(precision, figures, validate(figures, budgets, precision=precision))


def test_the_faster_of_two_that_meet_the_accuracy_budget_is_taken() -> None:
    chosen, why = choose([form(INT8, 1.0, 25.0), form(FLOAT, 2.0, 130.0)], SOFT)
    assert chosen is INT8
    assert why == "auto chose int8 (1 ms, 25.0 dB); not fp32 (2 ms, 130.0 dB)"


def test_a_soft_limit_of_accuracy_comes_before_speed() -> None:
    chosen, why = choose([form(INT8, 1.0, 19.0), form(FLOAT, 2.0, 130.0)], SOFT)
    assert chosen is FLOAT
    assert "not int8 (1 ms, 19.0 dB, misses sqnr_db_min)" in why


def test_a_limit_missed_where_nothing_counts_is_missed_all_the_same() -> None:
    elsewhere = form(INT8, 1.0, 19.0, counts=False)
    assert [c.verdict for c in elsewhere.checks if c.name == "sqnr_db_min"] == [Verdict.UNPROVEN]
    assert missed_accuracy(elsewhere, SOFT) == ("sqnr_db_min",)
    assert choose([elsewhere, form(FLOAT, 2.0, 130.0)], SOFT)[0] is FLOAT


def test_a_soft_limit_of_size_does_not_outweigh_one_of_accuracy() -> None:
    limits = replace(SOFT, size_mb=1.0, soft=frozenset({"sqnr_db_min", "size_mb"}))
    small = form(INT8, 1.0, 19.0, limits, size_mb=0.5)
    assert choose([small, form(FLOAT, 2.0, 130.0, limits, size_mb=2.0)], limits)[0] is FLOAT


def test_a_hard_limit_outweighs_what_only_informs() -> None:
    limits = replace(SOFT, latency_p50_ms=1.5)
    forms = [form(INT8, 1.0, 19.0, limits), form(FLOAT, 2.0, 130.0, limits)]
    chosen, why = choose(forms, limits)
    assert chosen is INT8
    assert "fp32 (2 ms, 130.0 dB, misses latency_p50_ms)" in why


@pytest.mark.parametrize(("p50", "chosen"), [(0.985, FLOAT), (0.97, INT8)])
def test_a_gain_inside_the_noise_does_not_decide_against_accuracy(p50, chosen) -> None:
    assert choose([form(INT8, p50, 30.0), form(FLOAT, 1.0, 130.0)], SOFT)[0] is chosen


def test_of_three_the_fastest_that_holds_is_taken() -> None:
    forms = [form(INT8, 1.0, 5.0), form(DYNAMIC, 1.5, 40.0), form(FLOAT, 2.0, 130.0)]
    assert choose(forms, SOFT)[0] is DYNAMIC


def test_where_outputs_are_integers_agreement_is_told() -> None:
    figures = [Measured("latency_p50_ms", 1.0, "ms"), Measured("agreement", 99.5, "%")]
    found = Candidate(FLOAT, figures, validate(figures, Budgets()))
    assert choose([found], Budgets())[1] == "auto chose fp32 (1 ms, 99.5 %)"


def net(body: str, **weights: tuple[int, ...]):
    head = '<ir_version: 9, opset_import: ["": 17]> n (float[1,4,8,8] x) => (float[a,b,c,d] y)'
    return graph.parse(
        f"{head} {{ {body} }}", {k: np.zeros(v, np.float32) for k, v in weights.items()}
    )


@pytest.fixture
def auto() -> Request:
    return resolve("m", Options(target="cpu-server", precision="auto"))


@pytest.mark.parametrize(
    ("program", "forms"),
    [
        (net("y = MatMul(x, w)", w=(8, 8)), (FLOAT, DYNAMIC)),
        (net("t = Transpose(w) \n y = MatMul(x, t)", w=(8, 8)), (FLOAT, DYNAMIC)),
        (net("y = Conv(x, w)", w=(9, 4, 3, 3)), (FLOAT,)),
        (net("c = Conv(x, k) \n y = MatMul(c, w)", k=(64, 4, 3, 3), w=(6, 6)), (FLOAT,)),
        (net("y = Relu(x)"), (FLOAT,)),
    ],
)
def test_dynamic_integers_are_tried_where_most_weights_are_linear(auto, program, forms) -> None:
    assert worth_trying(auto, program).precisions == forms


def test_what_was_asked_for_is_not_left_out() -> None:
    asked = resolve("m", Options(target="cpu-server", precision="int8-dynamic"))
    assert worth_trying(asked, net("y = Conv(x, w)", w=(9, 4, 3, 3))) is asked


def test_where_nothing_was_timed_the_predicted_latency_decides() -> None:
    def predicted(precision, p50, sqnr_db) -> Candidate:
        own = form(precision, p50, sqnr_db)
        figures = tuple(
            replace(m, provenance=Provenance.PREDICTED, low=p50 / 3, high=p50 * 3)
            if m.name == "latency_p50_ms"
            else m
            for m in own.figures
        )
        return replace(own, figures=figures)

    forms = [predicted(Precision.INT8, 1.0, 30.0), predicted(Precision.FP32, 4.0, 120.0)]
    chosen, why = choose(forms, SOFT)
    assert chosen is Precision.INT8
    assert "int8 (1 ms predicted, 30.0 dB); not fp32 (4 ms predicted" in why
