"""Which of several artifacts are worth having: those that no other one beats on every axis.

A point counts less as better on each axis. A point that lacks a figure is neither on the front nor
beats anyone: what is not known proves nothing. Nor does a time that was taken on another device
than the target: where one does not count, times rank nobody.
"""

from __future__ import annotations

from collections.abc import Sequence

from mcompile.record import Report
from mcompile.report import figures
from mcompile.types import Measured, Provenance

_TIME = "latency_p50"
_QUALITY = ("accuracy", "agreement", "sqnr")

Point = tuple[float | None, ...]


def front(points: Sequence[Point]) -> frozenset[int]:
    """The indices of the points that no other point dominates."""
    known = {i: tuple(v for v in p if v is not None) for i, p in enumerate(points) if None not in p}
    return frozenset(i for i, p in known.items() if not any(_beats(q, p) for q in known.values()))


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def measurement(report: Report, stem: str) -> Measured | None:
    """What the artifact came to under a name without unit (`size`, `latency_p50`), or None."""
    candidates = report.variants[0].measured if report.variants else ()
    return next((m for m in candidates if figures.stem(m.name) == stem), None)


def quality(reports: Sequence[Report]) -> str:
    """The measure of quality that most artifacts have; among equals a task's before a signal's."""
    return max(_QUALITY, key=lambda q: sum(measurement(r, q) is not None for r in reports))


def axes(reports: Sequence[Report]) -> tuple[str, ...]:
    """What artifacts are compared by: size, median latency and quality."""
    return ("size", _TIME, quality(reports))


def doubted(reports: Sequence[Report]) -> tuple[str, ...]:
    """The axes on which a figure proves nothing: a time taken on another device than the target.

    Nor do predictions for devices that differ: each says what its own device is likely to take.
    Numbers that a model computes are near enough everywhere to rank by.
    """
    apart = len({r.target for r in reports}) > 1
    return tuple(a for a in (_TIME,) if any(_is_idle(m, apart) for m in _known(reports, a)))


def _is_idle(found: Measured, apart: bool) -> bool:
    return not found.counts or (apart and found.provenance is Provenance.PREDICTED)


def chosen(reports: Sequence[Report]) -> frozenset[int]:
    """The indices of the artifacts on the front, by the axes on which all figures count."""
    taken = [a for a in axes(reports) if a not in doubted(reports)]
    return front([point(report, taken) for report in reports])


def point(report: Report, taken: Sequence[str]) -> Point:
    """The figures on those axes, quality negated, so that less is better on every one."""
    found = [(measurement(report, a), -1 if a in _QUALITY else 1) for a in taken]
    return tuple(None if m is None else m.value * sign for m, sign in found)


def _known(reports: Sequence[Report], axis: str) -> list[Measured]:
    return [m for r in reports if (m := measurement(r, axis)) is not None]
