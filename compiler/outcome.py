"""From what a build made and measured to what it hands over: the chosen form, judged."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import numpy as np

from mcompile import artifact as manifest
from mcompile.estimate.cost import cost
from mcompile.estimate.count import count
from mcompile.estimate.liveness import peak_activation
from mcompile.estimate.roofline import predict
from mcompile.estimate.work import Work
from mcompile.frontend import digest
from mcompile.journal import Journal
from mcompile.layers import described, rows
from mcompile.measure.accuracy import Metric
from mcompile.measure.comparison import compare, drop
from mcompile.measure.drift import drift, first_jump
from mcompile.measure.machine import here
from mcompile.measure.size import size
from mcompile.measure.trial import Trial
from mcompile.oracle import Oracle
from mcompile.quantize import Ranges
from mcompile.record import Layer, Log, QuantRow, Report, Variant
from mcompile.request import Request, name_of
from mcompile.types import (
    Artifact,
    Check,
    Feeds,
    Measured,
    Precision,
    Program,
    QuantPlan,
    Samples,
    Verdict,
)
from mcompile.validate import validate, verdict

_GOLDEN_CASES = 3
_SLACK = 2.0
"""How many times the error seen here a golden output may be off elsewhere: kernels differ."""


@dataclass(frozen=True)
class Form:
    """One precision of the model as the backend wrote it."""

    precision: Precision
    program: Program
    plan: QuantPlan | None
    artifact: Artifact
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """Everything a build found out. `samples` are what the forms were held against the oracle on."""

    request: Request
    captured: Program
    forms: Mapping[Precision, Form]
    trials: Mapping[Precision, Trial]
    samples: Samples
    metric: Metric | None
    log: Log
    ranges: Ranges


def handed_over(outcome: Outcome, journal: Journal, folder: Path, out: Path) -> Report:
    """The report of the chosen form, whose files, golden cases and manifest are in `folder` then."""
    request = outcome.request
    with journal.stage("judged") as entry:
        found = {p: _figures(outcome, form) for p, form in outcome.forms.items()}
        checks = {p: _checks(outcome, p, found) for p in found}
        chosen = _choice(outcome, found, checks)
        form = outcome.forms[chosen]
        layers, jump = _layers(outcome, form)
        entry.summary = f"{len(checks[chosen])} checks"
    order = [chosen, *(p for p in outcome.forms if p is not chosen)]
    report = Report(
        model=outcome.captured.name,
        target=request.target.name,
        backend=request.backend.name,
        requested=request.requested,
        built=chosen,
        verdict=verdict(checks[chosen]),
        checks=checks[chosen],
        variants=tuple(Variant(p.value, p, found[p], outcome.trials[p].latency_ms) for p in order),
        headlines=_headlines(outcome, found, chosen),
        warnings=_warnings(outcome, form, jump),
        comparison=_comparison(found, chosen),
        stages=tuple(journal.stages),
        rules=outcome.log,
        quantization=_quantization(form, outcome.ranges),
        left_float=form.plan.left_float if form.plan else {},
        layers=layers,
        graph_before=rows(outcome.captured),
        graph_after=rows(form.program),
        card=request.card,
        environment=_environment(request),
        artifact=form.artifact,
        folder=str(out),
    )
    _write(outcome, form, report, folder)
    return report


def _figures(outcome: Outcome, form: Form) -> tuple[Measured, ...]:
    """Every number of one form: run, counted, predicted for the profile's device, and priced."""
    target, trial = outcome.request.target, outcome.trials[form.precision]
    machine, work = here(), count(form.program)
    measured = machine.stamp(trial.measured, target.device)
    found = [
        size(form.artifact, form.folder),
        *measured,
        # The integer arithmetic of the profile's device is what ran here: its scheme saw to that.
        *machine.stamp(trial.arithmetic, target.device, arithmetic=True),
        *work.figures(),
        peak_activation(form.program),
        *predict(work, target.device, form.precision),
    ]
    if target.requests_per_day and target.device.usd_per_hour:
        for rate in (m for m in tuple(found) if m.name == "throughput_qps"):
            found += cost(target.requests_per_day, rate, target.device.usd_per_hour)
    return tuple(found)


def _checks(
    outcome: Outcome, precision: Precision, found: Mapping[Precision, Sequence[Measured]]
) -> tuple[Check, ...]:
    lost: tuple[Measured, ...] = ()
    if outcome.metric is not None and precision is not Precision.FP32:
        lost = drop(found[Precision.FP32], found[precision], outcome.metric)
    elif outcome.metric is not None:
        lost = drop(found[precision], found[precision], outcome.metric)
    return validate(
        (*found[precision], *lost),
        outcome.request.target.budgets,
        precision=precision,
        require_measured=outcome.request.options.require_measured,
    )


def _choice(
    outcome: Outcome,
    found: Mapping[Precision, Sequence[Measured]],
    checks: Mapping[Precision, Sequence[Check]],
) -> Precision:
    """The first form or, where the choice was left to us, the fastest that fails least."""
    if not outcome.request.choose:
        return outcome.request.precisions[0]

    def rank(precision: Precision) -> tuple[int, float]:
        failed = sum(c.verdict is Verdict.FAILED for c in checks[precision])
        return failed, _value(found[precision], "latency_p50_ms")

    return min(found, key=rank)


def _headlines(
    outcome: Outcome, found: Mapping[Precision, Sequence[Measured]], chosen: Precision
) -> tuple[str, ...]:
    lines = [outcome.request.because] if outcome.request.because else []
    if outcome.request.choose:
        lines.append(f"auto chose {chosen.value}: the fastest form that failed the fewest checks")
    floats = found.get(Precision.FP32, ())
    mine, theirs = (_value(f, "latency_p50_ms") for f in (found[chosen], floats))
    if chosen is not Precision.FP32 and mine > theirs:
        lines.append(
            f"{chosen.value} is slower than fp32 here: {mine:.2f} ms against {theirs:.2f} ms (p50)"
        )
    return tuple(lines)


def _value(rows_of: Sequence[Measured], name: str) -> float:
    """The measured figure of that name; infinite where there is none."""
    measured = (m.value for m in rows_of if m.name == name and m.low is None)
    return next(measured, float("inf"))


def _warnings(outcome: Outcome, form: Form, jump: str) -> tuple[str, ...]:
    trial, given = outcome.trials[form.precision], outcome.request.options
    told = list(trial.faults)
    if trial.vacuous:
        told.append(trial.vacuous)
    if outcome.metric is None:
        told.append(f"no accuracy: {outcome.samples.source} has no labels")
    if given.calibration not in (None, "") and given.calibration == given.evaluation:
        told.append("evaluated on the calibration data: accuracy and agreement flatter the artifact")
    if jump:
        told.append(f"the error jumps at {jump}: the first place to look when accuracy is lost")
    told += [f"{u.rule} was undone at {u.node}: {u.error}" for u in outcome.log.undone]
    return tuple(told)


def _comparison(
    found: Mapping[Precision, Sequence[Measured]], chosen: Precision
) -> tuple[Measured, ...]:
    floats = found.get(Precision.FP32)
    return () if floats is None or chosen is Precision.FP32 else compare(floats, found[chosen])


def _layers(outcome: Outcome, form: Form) -> tuple[tuple[Layer, ...], str]:
    error: Mapping[str, float] = {}
    if form.plan is not None:
        error = drift(outcome.forms[Precision.FP32].program, form.program, outcome.samples)
    work: Work = count(form.program)
    found = described(outcome.trials[form.precision].layers, form.program, work.nodes, error)
    return found, first_jump(error)


def _quantization(form: Form, ranges: Ranges) -> tuple[QuantRow, ...]:
    if form.plan is None:
        return ()
    made = []
    for name, params in form.plan.tensors.items():
        held = ranges.get(name)
        made.append(
            QuantRow(
                name, params.dtype, float(np.max(params.scale)), int(np.max(params.zero_point)),
                int(np.size(params.scale)), held and held.low, held and held.high,
            )
        )  # fmt: skip
    return tuple(made)


def _environment(request: Request) -> dict[str, str]:
    machine, given = here(), request.options
    return {
        "machine": machine.cpu,
        "cores": str(machine.cores),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "mcompile": version("mcompile"),
        "seed": str(given.seed),
        "threads": str(given.threads or "the runtime's default"),
    }


def _write(outcome: Outcome, form: Form, report: Report, folder: Path) -> None:
    """Put the chosen form's files, golden cases and manifest in place; the others go."""
    for file in form.artifact.files:
        place = folder / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        (form.folder / file.path).replace(place)
    cases, tolerance = _golden(outcome, form, folder)
    for other in outcome.forms.values():
        shutil.rmtree(other.folder)
    manifest.write_golden(folder, cases, tolerance)
    request = outcome.request
    manifest.write(
        manifest.Manifest(
            model=report.model,
            target=report.target,
            backend=report.backend,
            requested=report.requested,
            built=report.built,
            artifact=form.artifact,
            source_sha256=digest(request.source, request.capture),
            command=_command(request),
            verdict=report.verdict,
            because=request.because,
            tolerance=tolerance,
            tools={**form.artifact.tools, "mcompile": version("mcompile")},
            preprocess=_preprocess(request),
        ),
        folder,
    )


def _golden(
    outcome: Outcome, form: Form, folder: Path
) -> tuple[list[tuple[Feeds, Feeds]], float]:
    """A few inputs with the oracle's outputs, and how far off the artifact may be."""
    oracle, cases, worst = Oracle(outcome.captured), [], 0.0
    with outcome.request.backend.open(form.artifact, folder) as executor:
        for sample in islice(outcome.samples, _GOLDEN_CASES):
            wanted = oracle.run(sample.feeds)
            got = executor.run(sample.feeds)
            cases.append((sample.feeds, wanted))
            worst = max(worst, *(manifest.distance(got[n], wanted[n]) for n in wanted))
    return cases, float(f"{max(_SLACK * worst, 1e-4):.3g}")


def _preprocess(request: Request) -> dict[str, object]:
    how = request.preprocess
    return {} if how is None else {f.name: getattr(how, f.name) for f in fields(how)}


def _command(request: Request) -> tuple[str, ...]:
    """The command that would build the same again, whoever asked and wherever it was written."""
    given = request.options
    words = ["mcompile", name_of(request.source), "--target", given.target]
    for option in ("precision", "arch", "calibration", "evaluation", "metric", "scenario"):
        value = getattr(given, option)
        if isinstance(value, str) and value:
            words += [f"--{option}", Path(value).name]
    words += [w for text in given.inputs for w in ("--input", text)]
    words += [w for text in given.budgets for w in ("--budget", text)]
    words += [w for text in given.skip for w in ("--skip", text)]
    return (*words, "--seed", str(given.seed))
