"""The order of a build. No other file knows it.

capture -> optimize (verified) -> quantize -> lower -> measure -> validate -> hand over
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from mcompile import graph, registry, rules, verify
from mcompile.artifact import claim
from mcompile.errors import UsageError
from mcompile.frontend import capture
from mcompile.handover import hand_over
from mcompile.journal import Journal, Watcher
from mcompile.judgement import judged
from mcompile.measure.accuracy import Metric, find
from mcompile.measure.drift import drift
from mcompile.measure.trial import Effort, Trial, measure
from mcompile.options import Options
from mcompile.oracle import Oracle
from mcompile.outcome import Form, Outcome
from mcompile.quantize import Ranges, dynamic, insert, observe, plan
from mcompile.record import Log, Report
from mcompile.reference import random_feeds, reference
from mcompile.request import AUTO, Request, as_target, resolve
from mcompile.samples import check, open_samples, require_labels
from mcompile.types import Feeds, Precision, Program, Sample, Samples
from mcompile.wording import nearest

Finish = Callable[[Report, Path], None]
_LEAST_CALIBRATION = 2
_NOISE = 8


def build(
    source: object, options: Options, finish: Finish, watch: Watcher = lambda _: None
) -> Report:
    """Compile, measure and judge a model; the output folder appears whole, or an error is raised.

    `finish` writes the report's files into the folder before it appears.
    """
    journal = Journal(watch)
    request = resolve(source, options)
    captured = _capture(request, journal)
    calibration, evaluation = _samples(request, captured)
    program, log = _optimize(request, captured, calibration or evaluation, journal)
    programs, ranges = _quantize(request, program, calibration, journal)
    out = Path(request.options.out or "out") / _folder(request, captured)
    with claim(out) as folder:
        forms = _lower(request, programs, folder, journal)
        seen = evaluation or calibration or _noise(captured, options.seed)
        metric = _metric(request, evaluation)
        with journal.stage("measured") as entry:
            trials = _measure(request, captured, forms, seen, metric)
            runs = len(next(iter(trials.values())).latency_ms)
            entry.summary = f"{runs} runs of each form, on {seen.source}"
            first = next(iter(forms.values()))
            moved = drift(program, first.program, seen) if first.plan else {}
        outcome = Outcome(request, captured, forms, trials, seen, metric, log, ranges, moved)
        report = judged(outcome, journal, out)
        hand_over(outcome, report, folder)
        finish(report, folder)
    return report


def optimize(
    program: Program, skip: Sequence[str] = (), feeds: Sequence[Feeds] = (), seed: int = 0
) -> tuple[Program, Log]:
    """An equal and better program, and what the rules did; the given one is left as it was.

    Each phase is held against the given program on seeded inputs and on `feeds`.
    """
    known = registry.rules()
    names = [r.name for r in known]
    for name in skip:
        if name not in names:
            raise UsageError(f"{name} is not a rule", where="--skip", fix=nearest(name, names))
    held = reference(program, feeds, seed)
    log = Log(unproven=held.unproven)
    for _, chosen in rules.by_phase(r for r in known if r.name not in skip):
        program, made = verify.checked(program, partial(_run, chosen), held)
        log += made
    return program, log


def _run(
    chosen: Sequence[rules.Rule[Any]], program: Program, limit: int | None, banned: verify.Banned
) -> Log:
    graph.infer_shapes(program)
    return rules.run(program, chosen, limit=limit, banned=banned)


def _capture(request: Request, journal: Journal) -> Program:
    with journal.stage("captured") as entry:
        program = capture(request.source, request.capture)
        weights = program.graph.graph.initializers.values()
        size = sum(v.const_value.nbytes for v in weights if v.const_value) / 1e6
        nodes = program.graph.graph.num_nodes()
        entry.summary = f"{nodes} nodes   {size:.1f} MB   opset {graph.opset(program)}"
    return program


def _samples(request: Request, program: Program) -> tuple[Samples | None, Samples | None]:
    """Calibration and evaluation data, each where it was given."""
    given = request.options
    how, ports = request.preprocess, program.inputs
    calibration = evaluation = None
    if Precision.INT8 in request.precisions:
        unlabelled = how and replace(how, label_pattern="")
        calibration = open_samples(
            given.calibration, ports, preprocess=unlabelled, limit=given.samples
        )
    if given.evaluation not in (None, ""):
        evaluation = open_samples(given.evaluation, ports, preprocess=how)
        if given.metric:
            require_labels(evaluation)
    return calibration, evaluation


def _optimize(
    request: Request, program: Program, samples: Samples | None, journal: Journal
) -> tuple[Program, Log]:
    with journal.stage("optimized") as entry:
        feeds = [s.feeds for s in islice(samples or (), 1)]
        better, log = optimize(program, request.options.skip, feeds, request.options.seed)
        before, after = (p.graph.graph.num_nodes() for p in (program, better))
        entry.summary = f"{before} -> {after} nodes   {len(log.applied)} rewrites"
        if log.undone:
            entry.summary += f"   {len(log.undone)} undone"
    return better, log


def _quantize(
    request: Request, program: Program, calibration: Samples | None, journal: Journal
) -> tuple[Mapping[Precision, tuple[Program, Any]], Ranges]:
    """The program of each form that is to be built, its plan beside it, and what was observed."""
    ranges: Ranges = {}
    made: dict[Precision, tuple[Program, Any]] = {}
    for precision in request.precisions:
        made[precision] = (program, None)
    scheme = request.backend.scheme_on(request.target)
    if Precision.INT8 in made and calibration is not None:
        with journal.stage("calibrated") as entry:
            few = replace(calibration, open=lambda: islice(iter(calibration), _LEAST_CALIBRATION))
            check(few, program.inputs, _LEAST_CALIBRATION)
            ranges = observe(program, calibration, request.options.threads)
            entry.summary = f"{len(ranges)} tensors observed on {calibration.source}"
        with journal.stage("quantized") as entry:
            found = plan(program, ranges, scheme, request.options.percentile)
            made[Precision.INT8] = (insert(program, found, scheme), found)
            entry.summary = _counted(program, found, scheme.weighted)
    if Precision.INT8_DYNAMIC in made:
        with journal.stage("quantized") as entry:
            changed, found = dynamic(program, scheme)
            made[Precision.INT8_DYNAMIC] = (changed, found)
            entry.summary = _counted(program, found, scheme.weighted)
    return made, ranges


def _counted(program: Program, found: Any, weighted: frozenset[str]) -> str:
    total = sum(n.op_type in weighted for n in program.graph.graph)
    return f"{total - len(found.left_float)} of {total} {', '.join(sorted(weighted))}"


def _lower(
    request: Request,
    programs: Mapping[Precision, tuple[Program, Any]],
    folder: Path,
    journal: Journal,
) -> Mapping[Precision, Form]:
    """Every form written by the backend, each in a folder of its own inside the claimed one."""
    forms = {}
    with journal.stage("lowered") as entry:
        for precision, (program, found) in programs.items():
            place = folder / f".{precision.value}"
            place.mkdir()
            artifact = request.backend.lower(program, as_target(request, precision), place)
            forms[precision] = Form(precision, program, found, artifact, place)
        sizes = (sum(f.bytes for f in form.artifact.files) for form in forms.values())
        told = (f"{p.value} {b / 1e6:.1f} MB" for p, b in zip(forms, sizes, strict=True))
        entry.summary = "   ".join(told)
    return forms


def _measure(
    request: Request,
    captured: Program,
    forms: Mapping[Precision, Form],
    samples: Samples,
    metric: Metric | None,
) -> Mapping[Precision, Trial]:
    given = request.options
    opened = {
        p.value: partial(request.backend.open, f.artifact, f.folder, given.threads)
        for p, f in forms.items()
    }
    effort = Effort(given.runs, given.seconds, given.batch)
    oracle = Oracle(captured, threads=given.threads)
    trials = measure(opened, oracle, samples, metric, captured.inputs, effort)
    return {p: trials[p.value] for p in forms}


def _metric(request: Request, evaluation: Samples | None) -> Metric | None:
    """The metric that was named; for class numbers top-1, for other labels the mean error."""
    if request.options.metric:
        return find(request.options.metric)
    first = next(iter(evaluation), None) if evaluation is not None else None
    if first is None or first.label is None:
        return None
    return find("top1" if first.label.dtype.kind in "iu" and first.label.size == 1 else "mae")


def _noise(program: Program, seed: int) -> Samples:
    """Seeded inputs for a build without evaluation data."""

    def stream() -> Any:
        return (Sample(random_feeds(program, seed + k, 1)) for k in range(_NOISE))

    return Samples("seeded random inputs", stream, _NOISE)


def _folder(request: Request, program: Program) -> str:
    precision = AUTO if request.choose else request.precisions[0].value
    return f"{program.name}-{request.target.name}-{precision}"
