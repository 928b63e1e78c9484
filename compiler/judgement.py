"""From what a build measured to its report: which form is handed over, and what is said of it."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from mcompile import ledger
from mcompile.choice import Candidate, choose
from mcompile.estimate.cost import cost
from mcompile.estimate.count import count
from mcompile.estimate.liveness import peak_activation
from mcompile.estimate.roofline import predict
from mcompile.estimate.work import Work
from mcompile.journal import Journal
from mcompile.layers import described, rows
from mcompile.measure.comparison import compare, drop
from mcompile.measure.drift import first_jump
from mcompile.measure.machine import Machine, here
from mcompile.measure.size import size, size_ahead
from mcompile.outcome import Form, Outcome
from mcompile.record import Layer, Report, Variant
from mcompile.remarks import headlines, warnings
from mcompile.request import CALIBRATED, Request
from mcompile.shortfall import advised
from mcompile.types import Check, Measured, Precision
from mcompile.validate import validate, verdict


def judged(outcome: Outcome, journal: Journal, out: Path) -> Report:
    """The report of the form that is to be handed over."""
    request = outcome.request
    with journal.stage("judged") as entry:
        found = {p: _figures(outcome, form) for p, form in outcome.forms.items()}
        figures = {p: (*rows, *_lost(outcome, p, rows)) for p, rows in found.items()}
        checks = {p: _checks(outcome, p, rows) for p, rows in figures.items()}
        chosen, why = _choice(outcome, figures, checks)
        form = outcome.forms[chosen]
        layers, known = _layers(outcome, form)
        checks[chosen] = advised(checks, chosen, form.tried, found)
        entry.summary = f"{len(checks[chosen])} checks"
    order = [chosen, *(p for p in outcome.forms if p is not chosen)]
    return Report(
        model=outcome.captured.name,
        target=request.target.name,
        backend=request.backend.name,
        requested=chosen if request.choose else request.requested,
        built=chosen,
        verdict=verdict(checks[chosen]),
        checks=checks[chosen],
        variants=tuple(Variant(p.value, p, found[p], outcome.trials[p].latency_ms) for p in order),
        headlines=headlines(outcome, found, chosen, why),
        warnings=warnings(outcome, form, known.jump, _machine(request)),
        comparison=_comparison(found, chosen),
        stages=tuple(journal.stages),
        rules=outcome.log,
        quantization=ledger.tensors(form, outcome.ranges),
        left_float=form.plan.left_float if form.plan else {},
        quantized_layers=ledger.layers(form, request.backend.scheme_on(request.integers), known),
        tried=form.tried,
        alone=ledger.alone(form, known.work),
        layers=layers,
        coverage=tuple(request.backend.coverage(form.artifact, form.folder)),
        graph_before=rows(outcome.captured),
        graph_after=rows(form.program),
        card=request.card,
        environment=_environment(request),
        artifact=form.artifact,
        folder=str(out),
    )


def _figures(outcome: Outcome, form: Form) -> tuple[Measured, ...]:
    """Every number of one form: run, counted, predicted for the profile's device, and priced."""
    target, trial = outcome.request.target, outcome.trials[form.precision]
    sizes = _sizes(outcome)
    machine, work = _machine(outcome.request), count(form.program, sizes)
    same = trial.simulated or _computes_alike(outcome, form, machine)
    measured = machine.stamp(trial.measured, target.device)
    found = [
        _size(outcome, form, work),
        *measured,
        *machine.stamp(trial.arithmetic, target.device, arithmetic=same),
        *work.figures(),
        peak_activation(form.program, sizes),
        *predict(work, target.device, form.precision),
    ]
    if target.requests_per_day and target.device.usd_per_hour:
        for rate in (m for m in tuple(found) if m.name == "throughput_qps"):
            found += cost(target.requests_per_day, rate, target.device.usd_per_hour)
    return tuple(found)


def _size(outcome: Outcome, form: Form, work: Work) -> Measured:
    """Of the files that the device holds; predicted where it makes them itself."""
    held = outcome.request.backend.deployed(form.artifact)
    if held:
        return size(held, form.folder)
    return size_ahead(form.artifact.files, form.folder, work.weight_bytes)


def _machine(request: Request) -> Machine:
    """What the forms ran on: this machine's accelerator where the profile means one it has."""
    device = request.target.device
    return here().bearing(device) if request.backend.holds(device.arch) else here()


def _sizes(outcome: Outcome) -> dict[str, int]:
    """What the free dimensions are in the first sample: all figures of work are for that size."""
    feeds = next(iter(outcome.samples)).feeds
    return {
        dim: size
        for port in outcome.captured.inputs
        for dim, size in zip(port.shape, feeds[port.name].shape, strict=False)
        if isinstance(dim, str)
    }


def _computes_alike(outcome: Outcome, form: Form, machine: Machine) -> bool:
    """Whether this machine's results are the target's, though it may be another machine.

    An accelerator that is not here may compute float layers in halves. Else float is the same, but
    for the order of sums. Integers are where no sum saturates on either: by the
    weights, which the scheme of a saturating target keeps small, or by the instruction set.
    """
    request = outcome.request
    if request.backend.holds(request.target.device.arch) is False:
        return False
    if form.precision is Precision.FP32:
        return True
    if form.precision not in (*CALIBRATED, Precision.INT8_DYNAMIC):
        return False
    kept_small = request.backend.scheme_on(request.integers).pair_saturates
    exact_here = machine.arch != "x86_64" or not machine.lacks(("avx512_vnni",))
    return kept_small or exact_here or not machine.lacks(("avx_vnni",))


def _lost(
    outcome: Outcome, precision: Precision, rows_of: Sequence[Measured]
) -> tuple[Measured, ...]:
    """What a form lost against the untouched model, where a metric tells."""
    if outcome.metric is None:
        return ()
    return drop(outcome.trials[precision].oracle, rows_of, outcome.metric)


def _checks(
    outcome: Outcome, precision: Precision, figures: Sequence[Measured]
) -> tuple[Check, ...]:
    return validate(
        figures,
        outcome.request.target.budgets,
        precision=precision,
        require_measured=outcome.request.options.require_measured,
    )


def _choice(
    outcome: Outcome,
    figures: Mapping[Precision, Sequence[Measured]],
    checks: Mapping[Precision, Sequence[Check]],
) -> tuple[Precision, str]:
    """The first form or, where the choice was left to us, the best of all, and why it is."""
    request = outcome.request
    if not request.choose:
        return request.precisions[0], ""
    candidates = [Candidate(p, rows, checks[p]) for p, rows in figures.items()]
    return choose(candidates, request.target.budgets)


def _comparison(
    found: Mapping[Precision, Sequence[Measured]], chosen: Precision
) -> tuple[Measured, ...]:
    floats = found.get(Precision.FP32)
    return () if floats is None or chosen is Precision.FP32 else compare(floats, found[chosen])


def _layers(outcome: Outcome, form: Form) -> tuple[tuple[Layer, ...], ledger.Found]:
    """The layers as the runtime ran them, and what is known of those that the plan speaks of."""
    # The error of each layer was taken on the first form alone.
    first = form.plan is not None and form.precision is outcome.request.precisions[0]
    error = outcome.drift if first else {}
    nodes = count(form.program, _sizes(outcome)).nodes
    ran = described(outcome.trials[form.precision].layers, form.program, nodes, error)
    work = ledger.by_value(form, nodes)
    return ran, ledger.Found(outcome.ranges, error, first_jump(error), work)


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
