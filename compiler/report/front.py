"""Which of several artifacts are worth having: those that no other one beats on every axis.

A point counts less as better on each axis. A point that lacks a figure is neither on the front nor
beats anyone: what is not known proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from mcompile.record import Report
from mcompile.report import figures
from mcompile.types import Measured

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


def point(report: Report, measure: str) -> Point:
    """Size, median latency and negated quality, so that less is better on every axis."""
    size, latency, good = (measurement(report, s) for s in ("size", "latency_p50", measure))
    return (
        size.value if size else None,
        latency.value if latency else None,
        -good.value if good else None,
    )
