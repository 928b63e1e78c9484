"""From measurements to a verdict: which form is handed over, and what is never left unsaid."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mcompile import judgement, pipeline
from mcompile.journal import Journal
from mcompile.judgement import judged
from mcompile.measure.machine import Machine
from mcompile.options import Options
from mcompile.outcome import Outcome
from mcompile.record import AloneRow, Log, Report, TriedRow, Undone
from mcompile.targets import load
from mcompile.types import Precision, Verdict

from .conftest import write_data

FLOAT, INT8 = Precision.FP32, Precision.INT8
SERVER = Machine("x86_64", frozenset({"avx2", "fma"}), "a plain server", 2)
VNNI = replace(SERVER, isa=SERVER.isa | {"avx512f", "avx512_vnni"}, cpu="a newer server")
BOARD = Machine("aarch64", frozenset({"neon", "dotprod"}), "a board", 4)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory) -> Outcome:
    """What an INT8 build with evaluation data found out, its files kept."""
    data = tmp_path_factory.mktemp("judged")
    write_data(data)
    seen: list[Outcome] = []

    def keep(found: Outcome, journal: Journal, out: Path) -> Report:
        forms = {
            p: replace(f, folder=Path(shutil.copytree(f.folder, data / p.value)))
            for p, f in found.forms.items()
        }
        seen.append(replace(found, forms=forms))
        return judged(found, journal, out)

    options = Options(
        target="cpu-server", precision="int8", calibration=str(data / "calibration.npz"),
        evaluation=str(data / "evaluation.npz"), runs=5, seconds=1, threads=1, out=str(data),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "judged", keep)
        pipeline.build(data / "net.onnx", options, lambda *_: None)
    return seen[0]


@pytest.fixture
def judge(outcome, monkeypatch):
    """Judges the outcome with changes to the request, as if on some machine."""

    def run(machine: Machine = SERVER, changed: Outcome = outcome, **request) -> Report:
        monkeypatch.setattr(judgement, "here", lambda: machine)
        changed = replace(changed, request=replace(changed.request, **request))
        return judged(changed, Journal(), Path("out/x"))

    return run


def timed(outcome: Outcome, **p50: float) -> Outcome:
    """The outcome with other median latencies."""
    trials = {}
    for precision, trial in outcome.trials.items():
        rows = tuple(
            replace(m, value=p50[precision.value]) if m.name == "latency_p50_ms" else m
            for m in trial.measured
        )
        trials[precision] = replace(trial, measured=rows)
    return replace(outcome, trials=trials)


def limited(outcome: Outcome, **limits: float):
    target = outcome.request.target
    return replace(target, budgets=replace(target.budgets, **limits))


def row(report: Report, name: str):
    [check] = [c for c in report.checks if c.name == name]
    return check


def test_the_report_holds_both_forms_the_built_one_first(judge) -> None:
    report = judge()
    assert [v.name for v in report.variants] == ["int8", "fp32"]
    assert (report.built, report.requested) == (INT8, INT8)
    assert report.folder == "out/x"
    assert report.layers
    assert {m.name for m in report.comparison} >= {"pcr", "its", "al"}
    assert report.quantization
    assert [r.op for r in report.graph_before].count("Conv") == 3


def test_on_the_profiles_machine_everything_counts(judge) -> None:
    report = judge(SERVER)
    measured = report.variants[0].find("latency_p50_ms")
    assert measured.counts
    assert measured.device == "a plain server"
    assert report.variants[0].find("accuracy").provenance.value == "measured"
    assert not [w for w in report.warnings if "this machine is no" in w]
    assert row(report, "memory_peak_mb").verdict is Verdict.PASSED


@pytest.mark.parametrize(("present", "counts"), [(False, False), (True, True)])
def test_an_accelerator_counts_where_it_is_present_only(
    judge, outcome, monkeypatch, present, counts
) -> None:
    """What the processor computes in its place is no simulation of it: float layers differ."""
    monkeypatch.setattr(type(outcome.request.backend), "holds", lambda *_: present)
    target = outcome.request.target
    target = replace(target, device=replace(target.device, arch="npu-1", isa=(), isa_without=()))
    figures = judge(SERVER, target=target).variants[0]
    assert figures.find("accuracy").counts is counts
    assert figures.find("latency_p50_ms").counts is counts


def test_elsewhere_times_prove_nothing_and_that_is_said(judge) -> None:
    report = judge(VNNI)
    assert not report.variants[0].find("latency_p50_ms").counts
    assert row(report, "memory_peak_mb").verdict is Verdict.UNPROVEN
    [warning] = [w for w in report.warnings if "this machine is no cpu-server" in w]
    assert "avx512_vnni" in warning
    assert "it is a cpu-server-vnni" in warning


def test_integers_elsewhere_are_simulated_and_never_called_measured(judge) -> None:
    for machine in (VNNI, BOARD):
        assert judge(machine).variants[0].find("accuracy").provenance.value == "simulated"


def test_integers_that_may_saturate_here_do_not_count_for_a_device_where_they_do_not(
    judge,
) -> None:
    report = judge(SERVER, target=load("cpu-server-vnni"))
    assert not report.variants[0].find("accuracy").counts
    assert report.variants[1].find("accuracy").provenance.value == "simulated"


def test_halves_computed_elsewhere_prove_nothing(judge, outcome) -> None:
    half = replace(outcome.forms[FLOAT], precision=Precision.FP16)
    changed = replace(
        outcome,
        forms={Precision.FP16: half, FLOAT: outcome.forms[FLOAT]},
        trials={**outcome.trials, Precision.FP16: outcome.trials[FLOAT]},
    )
    report = judge(BOARD, changed, precisions=(Precision.FP16, FLOAT))
    assert not report.variants[0].find("agreement").counts


def test_a_slower_integer_build_is_the_first_thing_said(judge, outcome) -> None:
    report = judge(changed=timed(outcome, int8=3.0, fp32=2.0))
    [line] = report.headlines
    assert line.startswith("int8 is slower than fp32 here: 3 against 2 ms (p50)")
    assert "--precision auto" in line
    assert judge(changed=timed(outcome, int8=1.0, fp32=2.0)).headlines == ()


def test_a_fallback_comes_before_everything_else(judge) -> None:
    report = judge(because="int8 falls back to fp16: no kernels")
    assert report.headlines[0] == "int8 falls back to fp16: no kernels"


@pytest.mark.parametrize(("int8", "fp32", "chosen"), [(1.0, 2.0, INT8), (2.0, 1.0, FLOAT)])
def test_auto_takes_the_faster(judge, outcome, int8, fp32, chosen) -> None:
    report = judge(changed=timed(outcome, int8=int8, fp32=fp32), choose=True)
    assert report.built is chosen
    assert report.variants[0].precision is chosen
    assert f"auto chose {chosen.value}" in report.headlines[0]


@pytest.mark.parametrize("soft", [frozenset(), frozenset({"sqnr_db_min"})])
def test_auto_takes_no_faster_form_that_misses_the_accuracy_budget(judge, outcome, soft) -> None:
    target = limited(outcome, sqnr_db_min=100.0)
    target = replace(target, budgets=replace(target.budgets, soft=soft))
    report = judge(changed=timed(outcome, int8=1.0, fp32=2.0), choose=True, target=target)
    assert (report.built, report.requested) == (FLOAT, FLOAT)
    assert report.ok
    assert "misses sqnr_db_min" in report.headlines[0]


def test_without_auto_the_wanted_form_is_handed_over_with_its_failure(judge, outcome) -> None:
    report = judge(target=limited(outcome, size_mb=1e-6))
    assert report.built is INT8
    assert report.verdict is Verdict.FAILED
    assert row(report, "size_mb").advice


def test_accuracy_is_lost_against_the_untouched_model(judge, outcome) -> None:
    def worse(measured):
        return tuple(replace(m, value=80.0) if m.name == "accuracy" else m for m in measured)

    trials = {p: replace(t, arithmetic=worse(t.arithmetic)) for p, t in outcome.trials.items()}
    for chosen in (INT8, FLOAT):
        report = judge(changed=replace(outcome, trials=trials), precisions=(chosen,))
        # Both forms are at 80 %, and the model itself at 100 %: none may hide behind the other.
        assert row(report, "accuracy_drop_pp").measured.value == pytest.approx(20.0)


def test_require_measured_turns_what_is_unproven_into_a_failure(judge, outcome) -> None:
    options = replace(outcome.request.options, require_measured=True)
    assert judge(VNNI).verdict is Verdict.UNPROVEN
    assert judge(VNNI, options=options).verdict is Verdict.FAILED


def test_cost_is_told_where_the_profile_has_a_price_and_a_demand(judge, outcome) -> None:
    assert judge().variants[0].find("cost_usd_per_day") is None
    priced = replace(outcome.request.target, requests_per_day=1e6)
    assert judge(target=priced).variants[0].find("cost_usd_per_day").value > 0


def test_what_was_not_or_could_not_be_done_is_warned_of(judge, outcome) -> None:
    options = replace(outcome.request.options, calibration="same", evaluation="same")
    trials = {p: replace(t, faults=("no memory",), vacuous="constant") for p, t in
              outcome.trials.items()}  # fmt: skip
    log = Log(undone=(Undone("fold_x", "n1", "it differs"),))
    changed = replace(outcome, trials=trials, log=log, metric=None)
    warnings = judge(changed=changed, options=options).warnings
    for words in ("no memory", "constant", "no accuracy", "evaluated on the calibration data",
                  "fold_x was undone at n1: it differs"):  # fmt: skip
        assert [w for w in warnings if words in w], words


def test_the_quantization_table_has_ranges_and_largest_scales(judge) -> None:
    rows = {r.tensor: r for r in judge().quantization}
    assert rows["x"].low < 0 < rows["x"].high
    assert rows["x"].scale == pytest.approx((rows["x"].high - rows["x"].low) / 255, rel=0.02)
    assert rows["w1"].channels == 8
    assert rows["w1"].low is None


def test_layers_of_the_plan_have_their_error_and_what_they_read(judge) -> None:
    rows = {r.layer: r for r in judge().quantized_layers}
    assert {"a0", "c0", "y"} <= {*rows}
    assert rows["a0"].reads == "x"
    assert rows["c0"].channels == 16
    assert 0 < rows["c0"].sqnr_db < 200
    assert rows["c0"].saturated == 0.0


def test_what_was_tried_is_in_the_report_and_in_the_advice(judge, outcome) -> None:
    tried = (TriedRow("plain", (), 9.0, 1.0, taken=True),
             TriedRow("c0 float", ("c0",), 19.0, 1.5, taken=False))  # fmt: skip
    alone = (AloneRow("a0", "Conv", 30.0), AloneRow("c0", "Conv", 20.0))
    form = replace(outcome.forms[INT8], tried=tried, alone=alone)
    changed = replace(outcome, forms={**outcome.forms, INT8: form})
    report = judge(changed=changed, target=limited(outcome, sqnr_db_min=150.0))
    assert report.tried == tried
    assert [(r.layer, r.macs_m) for r in report.alone] == [
        ("c0", pytest.approx(16 * 8 * 256 / 1e6)), ("a0", pytest.approx(0.050784)),
    ]  # fmt: skip
    assert (
        "best tried: c0 float, 19.0 dB at 1.50x the latency of this one"
        in row(report, "sqnr_db_min").advice
    )
    assert "tried" not in row(judge(target=limited(outcome, size_mb=1e-6)), "size_mb").advice


def test_the_machine_is_named_with_what_matters_to_a_number(judge) -> None:
    environment = judge().environment
    assert environment["machine"] == "a plain server"
    assert (environment["seed"], environment["threads"]) == ("0", "1")
