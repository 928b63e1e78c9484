"""The order of a build. No other file knows it.

capture -> optimize (verified) -> diagnose -> quantize -> lower -> measure -> validate -> hand over
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from pathlib import Path

from mcompile import graph, ledger
from mcompile.artifact import claim
from mcompile.choice import worth_trying
from mcompile.datasets import diagnosed, metric_of, open_data
from mcompile.errors import LoweringError
from mcompile.forms import INTEGERS, Made, forms_of, noise
from mcompile.frontend import capture
from mcompile.handover import hand_over
from mcompile.journal import Journal, Watcher
from mcompile.judgement import judged
from mcompile.measure.accuracy import Metric
from mcompile.measure.drift import drift
from mcompile.measure.trial import Effort, Trial, measure
from mcompile.optimizer import at_opset, optimize
from mcompile.options import Options
from mcompile.oracle import Oracle
from mcompile.outcome import Form, Outcome
from mcompile.record import Log, Report
from mcompile.reproduce.cases import Cases
from mcompile.request import AUTO, Request, as_target, resolve
from mcompile.rules import Phase
from mcompile.types import Precision, Program, Samples
from mcompile.verify import Keep

Finish = Callable[[Report, Path], None]


def build(
    source: object, options: Options, finish: Finish, watch: Watcher = lambda _: None
) -> Report:
    """Compile, measure and judge a model; the output folder appears whole, or an error is raised.

    `finish` writes the report's files into the folder before it appears.
    """
    journal = Journal(watch)
    request = resolve(source, options)
    captured = _capture(request, journal)
    request = worth_trying(request, captured)
    calibration, evaluation = open_data(request, captured)
    cases = Cases(optimize)
    program, log = _optimize(request, captured, calibration or evaluation, journal, cases.keep)
    findings = diagnosed(request, captured, (calibration, evaluation), journal)
    programs, ranges = forms_of(request, program, (calibration, evaluation), journal)
    out = Path(request.options.out or "out") / _folder(request, captured)
    with claim(out) as folder:
        forms = _lower(request, (program, programs), folder, journal)
        seen = evaluation or calibration or noise(captured, options.seed)
        metric = metric_of(request, evaluation)
        with journal.stage("measured") as entry:
            trials = _measure(request, captured, forms, seen, metric)
            runs = len(next(iter(trials.values())).latency_ms)
            entry.summary = f"{runs} runs of each form, on {seen.source}"
            first = next(iter(programs.values()))
            reference = first.chosen.recipe.program if first.chosen else program
            moved = drift(reference, first.program, seen) if first.plan else {}
        outcome = Outcome(
            request, captured, forms, trials, seen, metric, log, ranges, moved, findings
        )
        report = judged(outcome, journal, out)
        hand_over(outcome, report, folder)
        cases.write(folder)
        finish(report, folder)
    return report


def _capture(request: Request, journal: Journal) -> Program:
    with journal.stage("captured") as entry:
        program = capture(request.source, request.capture)
        weights = program.graph.graph.initializers.values()
        size = sum(v.const_value.nbytes for v in weights if v.const_value) / 1e6
        nodes = program.graph.graph.num_nodes()
        entry.summary = f"{nodes} nodes   {size:.1f} MB   opset {graph.opset(program)}"
    return program


def _optimize(
    request: Request, program: Program, samples: Samples | None, journal: Journal, keep: Keep
) -> tuple[Program, Log]:
    given = request.options
    with journal.stage("optimized") as entry:
        feeds = [s.feeds for s in islice(samples or (), 1)]
        reads = request.target.runtime
        start, noted = at_opset(
            program, feeds, given.seed, cap=reads.max_opset, newest_ir=reads.max_ir_version
        )
        integers = INTEGERS & {*request.precisions}
        better, log = optimize(
            start, given.skip, feeds, given.seed, runtime=request.backend.name, keep=keep,
            phases=[p for p in Phase if not (integers and p is Phase.SPELL)],
        )  # fmt: skip
        log += noted
        before, after = (p.graph.graph.num_nodes() for p in (program, better))
        entry.summary = f"{before} -> {after} nodes   {len(log.applied)} rewrites"
        if log.undone:
            entry.summary += f"   {len(log.undone)} undone"
        if graph.opset(start) != graph.opset(program):
            entry.summary += f"   opset {graph.opset(program)} -> {graph.opset(start)}"
    return better, log


def _lower(
    request: Request,
    made_of: tuple[Program, Mapping[Precision, Made]],
    folder: Path,
    journal: Journal,
) -> Mapping[Precision, Form]:
    """Every form written by the backend, each in a folder of its own inside the claimed one."""
    forms = {}
    source, programs = made_of
    _refuse_newer(request, programs)
    with journal.stage("lowered") as entry:
        for precision, made in programs.items():
            place = folder / f".{precision.value}"
            place.mkdir()
            artifact = request.backend.lower(made.program, as_target(request, precision), place)
            forms[precision] = Form(
                precision, made.program, made.plan, artifact, place,
                tried=ledger.tried(made.chosen) if made.chosen else (),
                alone=ledger.noises(made.chosen.noise, made.program) if made.chosen else (),
                changed=ledger.changed(made.chosen, source) if made.chosen else "",
            )  # fmt: skip
        sizes = (sum(f.bytes for f in form.artifact.files) for form in forms.values())
        told = (f"{p.value} {b / 1e6:.1f} MB" for p, b in zip(forms, sizes, strict=True))
        entry.summary = "   ".join(told)
    return forms


def _refuse_newer(request: Request, programs: Mapping[Precision, Made]) -> None:
    """Raise `LoweringError` for an operator set that the target's runtime cannot read."""
    cap = request.target.runtime.max_opset
    for program in (made.program for made in programs.values()):
        if cap is not None and graph.opset(program) > cap:
            raise LoweringError(
                f"the model is of opset {graph.opset(program)}, and {request.target.name} reads "
                f"up to {cap}",
                where=program.name,
                fix=f"export it at opset {cap} or below; a PyTorch source is exported so by itself",
            )


def _measure(
    request: Request,
    captured: Program,
    forms: Mapping[Precision, Form],
    samples: Samples,
    metric: Metric | None,
) -> Mapping[Precision, Trial]:
    given = request.options
    opened = {
        p.value: partial(request.backend.open, f.artifact, f.folder, request.threads)
        for p, f in forms.items()
    }
    effort = Effort(given.runs, given.seconds, given.batch)
    oracle = Oracle(captured, threads=request.threads)
    trials = measure(opened, oracle, samples, metric, captured.inputs, effort)
    return {p: trials[p.value] for p in forms}


def _folder(request: Request, program: Program) -> str:
    precision = AUTO if request.choose else request.precisions[0].value
    return f"{program.name}-{request.target.name}-{precision}"
