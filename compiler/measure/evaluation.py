"""One pass over the evaluation data, every executor and the reference on the same sample."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from mcompile.errors import CompileError, SamplesError
from mcompile.measure.accuracy import Metric
from mcompile.measure.agreement import Tally, broken, decibel, misshapen
from mcompile.types import Feeds, Measured, Sample, Samples


class Runner(Protocol):
    """Anything that computes outputs from inputs: an executor, or the oracle."""

    def run(self, feeds: Feeds) -> Feeds:
        """Outputs by name."""
        ...


@dataclass(frozen=True)
class Closeness:
    """One output held against the reference's; `varies` is false where that proves nothing."""

    name: str
    sqnr_db: float
    agreement: float
    max_abs_error: float
    varies: bool


@dataclass(frozen=True)
class Evaluation:
    """What an executor's outputs were worth: rows for the judge, and the outputs one by one.

    `vacuous` says why the comparison with the reference proves nothing, empty where it does.
    """

    samples: int
    measured: tuple[Measured, ...]
    outputs: tuple[Closeness, ...] = ()
    vacuous: str = ""

    def find(self, name: str) -> Measured | None:
        """The measurement of that name, or None."""
        return next((m for m in self.measured if m.name == name), None)


def evaluate(
    runners: Mapping[str, Runner],
    samples: Samples,
    metric: Metric | None = None,
    *,
    reference: str = "oracle",
) -> Mapping[str, Evaluation]:
    """How each runner did, by name; `reference` names the one that the others are held against.

    Rows: the metric (`accuracy`, or the metric's own name where lower is better) for labelled
    data, `error_rate`, `finite_outputs`, and for all but the reference `output_shapes`,
    `agreement`, `sqnr_db` and `max_abs_error`. Raises `SamplesError` for no samples, for labels on
    some of them only, and for labels that do not fit.
    """
    seen = {name: _Seen(name == reference) for name in runners}
    for count, sample in enumerate(samples):
        wanted = runners[reference].run(sample.feeds)
        for name, runner in runners.items():
            outputs = wanted if name == reference else runner.run(sample.feeds)
            seen[name].add(wanted, outputs, _score(metric, outputs, sample, count))
    if not any(s.samples for s in seen.values()):
        raise SamplesError(
            "there are no samples to evaluate", where=samples.source, fix="give --evaluation data"
        )
    return {name: s.evaluation(metric, samples.source) for name, s in seen.items()}


def _score(metric: Metric | None, outputs: Feeds, sample: Sample, count: int) -> float | None:
    if metric is None or sample.label is None:
        return None
    if not outputs:
        return math.nan
    try:
        return metric.score(outputs, sample.label)
    except CompileError as error:
        place = f"sample {sample.name or count}: {error.where}"
        raise type(error)(error.what, where=place, fix=error.fix) from error


@dataclass
class _Seen:
    """What one runner has shown so far."""

    is_reference: bool
    samples: int = 0
    not_finite: int = 0
    misshapen: int = 0
    bad: int = 0
    scores: list[float] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)

    def add(self, wanted: Feeds, outputs: Feeds, score: float | None) -> None:
        self.samples += 1
        odd = misshapen(wanted, outputs)
        infinite = any(broken(wanted[n], a) for n, a in outputs.items() if n in wanted)
        self.misshapen, self.not_finite = self.misshapen + odd, self.not_finite + infinite
        self.bad += odd or infinite
        if score is not None:
            self.scores.append(score)
        for name, reference in wanted.items():
            output = outputs.get(name)
            if output is not None and output.shape == reference.shape:
                self.tallies.setdefault(name, Tally()).add(reference, output)

    def evaluation(self, metric: Metric | None, source: str) -> Evaluation:
        rows = [
            Measured("error_rate", 100.0 * self.bad / self.samples, "%"),
            Measured("finite_outputs", float(self.not_finite), "samples"),
        ]
        if metric is not None and self.scores:
            rows.insert(0, self._accuracy(metric, source))
        vacuous = "" if self.is_reference else self._vacuous()
        if not self.is_reference:
            rows.append(Measured("output_shapes", float(self.misshapen), "samples"))
            rows += [replace(r, counts=not vacuous, doubt=vacuous) for r in self._closeness()]
        told = f"{self.samples} samples"
        noted = (replace(r, note="; ".join(filter(None, (r.note, told)))) for r in rows)
        return Evaluation(self.samples, tuple(noted), self._outputs(), vacuous)

    def _accuracy(self, metric: Metric, source: str) -> Measured:
        if len(self.scores) != self.samples:
            raise SamplesError(
                f"{len(self.scores)} of {self.samples} samples have a label",
                where=source,
                fix="label all of them or none",
            )
        name = "accuracy" if metric.higher_is_better else metric.name
        return Measured(name, math.fsum(self.scores) / self.samples, metric.unit, note=metric.name)

    def _closeness(self) -> list[Measured]:
        held = [t for t in self.tallies.values() if t.compared]
        if not held:
            return []
        rows = [Measured("agreement", min(t.percent for t in held), "%")]
        numeric = [t for t in held if t.is_float]
        if numeric:
            pooled = decibel(sum(t.signal for t in numeric), sum(t.noise for t in numeric))
            rows.append(Measured("sqnr_db", pooled, "dB"))
            rows.append(Measured("max_abs_error", max(t.max_abs_error for t in numeric), ""))
        return rows

    def _vacuous(self) -> str:
        reasons = {n: t.constant(self.samples) for n, t in self.tallies.items()}
        if not reasons or not all(reasons.values()):
            return ""
        name, reason = next(iter(reasons.items()))
        return f"the comparison proves nothing: the reference output {name} {reason}"

    def _outputs(self) -> tuple[Closeness, ...]:
        if self.is_reference:
            return ()
        return tuple(
            Closeness(n, t.sqnr_db, t.percent, t.max_abs_error, not t.constant(self.samples))
            for n, t in self.tallies.items()
        )
