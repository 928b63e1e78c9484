"""Which runtime's artifact is handed over where the choice was left to the compiler.

Failed hard checks count first, then missed limits of accuracy, then soft checks, as they do between
precisions; then the latency that the profile's budgets name first. A percentile of a few hundred
runs is known within an interval, for p99 a wide one: where two intervals meet, the medians decide,
and where those lie nearer than nobody can tell apart, the accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, inf, isnan, nan, sqrt

from mcompile.choice import ALIKE, Candidate, faults, missed_accuracy, rank
from mcompile.profile import Budgets
from mcompile.record import Report, Rival
from mcompile.runtimes import Runtimes

_MEDIAN = "latency_p50_ms"
_SHARES = {_MEDIAN: 0.5, "latency_p90_ms": 0.9, "latency_p99_ms": 0.99}
_SIGMAS = 1.96
"""Ninety-five percent of a normal distribution lie within so many standard deviations."""


@dataclass(frozen=True)
class _Entry:
    report: Report
    candidate: Candidate
    missed: Sequence[str]

    @property
    def rank(self) -> tuple[int, int, int]:
        return rank(self.candidate, self.missed)

    @property
    def accuracy(self) -> tuple[float, float]:
        figure = self.candidate.figure
        return figure("sqnr_db", 0.0), figure("agreement", 0.0)

    def took(self, latency: str) -> float:
        """That latency, in ms: the predicted one where nothing was timed."""
        known = (m.value for m in self.candidate.figures if m.name == latency)
        return self.candidate.figure(latency, next(known, inf))

    @property
    def elsewhere(self) -> Sequence[str]:
        """That it was timed on another machine than the profile's, where it was."""
        timed = self.report.variants[0].find(_MEDIAN) if self.report.variants else None
        return () if timed is None or timed.counts else ("measured elsewhere",)

    def words(self, latency: str) -> str:
        """The runtime with its figures, and the limits that it misses."""
        near = self.candidate.figure("sqnr_db", nan)
        held = (
            f"{self.candidate.figure('agreement', nan):.1f} %" if isnan(near) else f"{near:.1f} dB"
        )
        names = (latency, _MEDIAN) if self.candidate.is_timed else (_MEDIAN,)
        how = "" if self.candidate.is_timed else " predicted"
        times = (f"{self.took(n):.3g} ms {_short(n)}{how}" for n in dict.fromkeys(names))
        wrong = ", ".join(faults(self.candidate, self.missed))
        facts = ", ".join((self.report.built.value, *times, held, *self.elsewhere))
        return f"{self.report.backend} ({facts}{f'; misses {wrong}' if wrong else ''})"


def settled(reports: Mapping[str, Report], runtimes: Runtimes) -> Report:
    """The report of the runtime that is taken, with what became of the others."""
    if not runtimes.contested:
        return next(iter(reports.values()))
    target = runtimes.first.target
    entries = [_entry(report, target.budgets) for report in reports.values()]
    best = min(e.rank for e in entries)
    equal = [e for e in entries if e.rank == best]
    taken, doubt = _quickest(equal, target.ranked_by)
    others = [e for e in entries if e is not taken]
    beaten = "; ".join(e.words(target.ranked_by) for e in others)
    why = f"; not {beaten}{doubt}" if beaten else ""
    said = [f"auto chose the runtime {taken.words(target.ranked_by)}{why}"]
    said += [_left_out(rival) for rival in runtimes.out]
    rivals = (*(_rival(e) for e in others), *runtimes.out)
    return replace(taken.report, headlines=(*said, *taken.report.headlines), rivals=rivals)


def _quickest(entries: Sequence[_Entry], latency: str) -> tuple[_Entry, str]:
    """The quickest by that latency, and in words where the medians had to decide."""
    first = min(entries, key=lambda e: e.took(latency))
    most = _interval(first.report.variants[0].latency_ms, latency)[1]
    near = [
        e
        for e in entries
        if e.took(latency) <= ALIKE * first.took(latency)
        or _interval(e.report.variants[0].latency_ms, latency)[0] <= most
    ]
    least = min(e.took(_MEDIAN) for e in near)
    alike = [e for e in near if e.took(_MEDIAN) <= ALIKE * least]
    timed = first.candidate.is_timed
    doubt = "" if not timed or len(near) == 1 or latency == _MEDIAN else _doubt(first, latency)
    return max(alike, key=lambda e: e.accuracy), doubt


def _doubt(entry: _Entry, latency: str) -> str:
    runs = len(entry.report.variants[0].latency_ms)
    return f"; {runs} runs do not tell their {_short(latency)} apart, so p50 decided"


def _interval(times: Sequence[float], latency: str) -> tuple[float, float]:
    """Between which two of the times the percentile lies, in 95 of 100 cases; ms.

    By the binomial distribution of how many lie below it, as a normal one. Nothing above the
    longest time is thought of.
    """
    if not times:
        return inf, inf
    share, last = _SHARES[latency], len(times) - 1
    middle, half = last * share, _SIGMAS * sqrt(len(times) * share * (1 - share))
    ranked = sorted(times)
    return ranked[max(0, floor(middle - half))], ranked[min(last, ceil(middle + half))]


def _short(latency: str) -> str:
    return latency.removeprefix("latency_").removesuffix("_ms")


def _left_out(rival: Rival) -> str:
    return f"{rival.backend} was left out: {rival.out}" + (f"; {rival.fix}" if rival.fix else "")


def _entry(report: Report, budgets: Budgets) -> _Entry:
    """A report as a candidate, with the accuracy that was lost, which only its checks hold."""
    own = report.variants[0].measured
    names = {m.name for m in own}
    more = (c.measured for c in report.checks if c.measured and c.measured.name not in names)
    candidate = Candidate(report.built, (*own, *more), report.checks)
    return _Entry(report, candidate, missed_accuracy(candidate, budgets))


def _rival(entry: _Entry) -> Rival:
    report = entry.report
    return Rival(
        backend=report.backend,
        built=report.built,
        verdict=report.verdict,
        measured=report.variants[0].measured,
        missed=faults(entry.candidate, entry.missed),
    )
