"""The order of a build. No other file knows it.

capture -> optimize (verified) -> diagnose -> quantize -> lower -> measure -> validate -> hand over

What is made for each runtime is a mapping by its name; only `--backend auto` has more than one. All
forms of all runtimes are measured in one run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from mcompile import graph
from mcompile.artifact import claim
from mcompile.choice import worth_trying
from mcompile.contest import settled
from mcompile.datasets import Data, diagnosed, metric_of, open_data
from mcompile.emission import written
from mcompile.forms import Made, forms_of, noise
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
from mcompile.quantize import Ranges
from mcompile.record import Report
from mcompile.reproduce.cases import Cases
from mcompile.request import AUTO, Request
from mcompile.runtimes import Runtimes, entered
from mcompile.shared import Optimized, Shared, phases_for
from mcompile.types import Precision, Program, Samples
from mcompile.verify import Keep

Finish = Callable[[Report, Path], None]
Formed = tuple[Mapping[Precision, Made], Ranges]


def build(
    source: object, options: Options, finish: Finish, watch: Watcher = lambda _: None
) -> Report:
    """Compile, measure and judge a model; the output folder appears whole, or an error is raised.

    `finish` writes the report's files into the folder before it appears.
    """
    journal = Journal(watch)
    runtimes = entered(source, options)
    captured = _capture(runtimes.together, journal)
    runtimes.change(lambda request: worth_trying(request, captured))
    request = runtimes.together
    data = open_data(request, captured)
    cases = Cases(optimize)
    with Shared() as shared:
        optimized = partial(_optimize, captured=captured, data=data, shared=shared, keep=cases.keep)
        programs = runtimes.each(optimized, journal)
        findings = diagnosed(request, captured, data, journal)
        made = runtimes.each(partial(_formed, programs=programs, data=data, shared=shared), journal)
    out = Path(request.options.out or "out") / _folder(runtimes.first, captured)
    seen = data[1] or data[0] or noise(captured, options.seed)
    metric = metric_of(request, data[1])
    with claim(out) as folder:
        forms = runtimes.each(partial(written, programs=programs, made=made, out=folder), journal)
        if runtimes.contested:
            forms = runtimes.each(partial(_run, forms=forms, samples=seen), journal)
        with journal.stage("measured") as entry:
            trials = _measure(runtimes, captured, forms, seen, metric)
            entry.summary = f"{_told(trials)}, on {seen.source}"
            moved = {name: _moved(programs[name], made[name], seen) for name in forms}
        outcomes = {
            name: Outcome(
                runtimes.requests[name], captured, forms[name], trials[name], seen, metric,
                programs[name][1], made[name][1], moved[name], findings,
            )
            for name in forms
        }  # fmt: skip
        reports = runtimes.each(lambda r, j: judged(outcomes[r.backend.name], j, out), journal)
        report = settled(reports, runtimes)
        report = replace(report, stages=tuple(journal.stages))
        hand_over(outcomes[report.backend], report, folder)
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
    request: Request,
    journal: Journal,
    *,
    captured: Program,
    data: Data,
    shared: Shared,
    keep: Keep,
) -> Optimized:
    with journal.stage("optimized") as entry:
        (better, log), known = shared.optimized(
            request, lambda: _better(request, captured, data[0] or data[1], keep)
        )
        before, after = (p.graph.graph.num_nodes() for p in (captured, better))
        entry.summary = f"{before} -> {after} nodes   {len(log.applied)} rewrites"
        if log.undone:
            entry.summary += f"   {len(log.undone)} undone"
        if graph.opset(better) != graph.opset(captured):
            entry.summary += f"   opset {graph.opset(captured)} -> {graph.opset(better)}"
        if known:
            entry.summary += "   shared"
    return better, log


def _better(request: Request, captured: Program, samples: Samples | None, keep: Keep) -> Optimized:
    given, reads = request.options, request.target.runtime
    feeds = [s.feeds for s in islice(samples or (), 1)]
    start, noted = at_opset(
        captured, feeds, given.seed, cap=reads.max_opset, newest_ir=reads.max_ir_version,
        floor=request.backend.opset,
    )  # fmt: skip
    better, log = optimize(
        start, given.skip, feeds, given.seed, runtime=request.backend.name, keep=keep,
        phases=phases_for(request),
    )  # fmt: skip
    return better, log + noted


def _formed(
    request: Request,
    journal: Journal,
    *,
    programs: Mapping[str, Optimized],
    data: Data,
    shared: Shared,
) -> Formed:
    program, _ = programs[request.backend.name]
    return forms_of(request, program, data, journal, shared=shared)


def _run(
    request: Request,
    _: Journal,
    *,
    forms: Mapping[str, Mapping[Precision, Form]],
    samples: Samples,
) -> Mapping[Precision, Form]:
    """The forms, each run once: a runtime that fails is out before it stops the measurement."""
    own = forms[request.backend.name]
    feeds = next(iter(samples)).feeds
    for form in own.values():
        with request.backend.open(form.artifact, form.folder, request.threads) as executor:
            executor.run(feeds)
    return own


def _measure(
    runtimes: Runtimes,
    captured: Program,
    forms: Mapping[str, Mapping[Precision, Form]],
    samples: Samples,
    metric: Metric | None,
) -> dict[str, dict[Precision, Trial]]:
    """A trial of every form of every runtime, all of them in turns."""
    given, threads = runtimes.first.options, runtimes.first.threads
    opened = {
        f"{name} {p.value}": partial(request.backend.open, f.artifact, f.folder, request.threads)
        for name, request in runtimes.requests.items()
        for p, f in forms[name].items()
    }
    effort = Effort(given.runs, given.seconds, given.batch)
    oracle = Oracle(captured, threads=threads)
    trials = measure(opened, oracle, samples, metric, captured.inputs, effort)
    return {name: {p: trials[f"{name} {p.value}"] for p in own} for name, own in forms.items()}


def _told(trials: Mapping[str, Mapping[Precision, Trial]]) -> str:
    """How often the forms were timed, or that they were not."""
    found = [trial for own in trials.values() for trial in own.values()]
    runs = sorted({len(t.latency_ms) for t in found if not t.simulated})
    told = " to ".join(str(n) for n in dict.fromkeys((*runs[:1], *runs[-1:])))
    simulated = "numbers simulated here, nothing timed"
    return f"{told} runs of each form" if runs else simulated


def _moved(program: Optimized, made: Formed, samples: Samples) -> Mapping[str, float]:
    """How far the first form's layers are off, where it has a plan.

    Nobody tells for bfloat16: the runtime of the reference computes few of its ops.
    """
    precision, first = next(iter(made[0].items()))
    reference = first.chosen.recipe.program if first.chosen else program[0]
    told = first.plan is not None and precision is not Precision.BF16
    return drift(reference, first.program, samples) if told else {}


def _folder(request: Request, program: Program) -> str:
    precision = AUTO if request.choose else request.precisions[0].value
    return f"{program.name}-{request.target.name}-{precision}"
