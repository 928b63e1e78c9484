"""The runtimes held against each other, for every format: the one that was taken first."""

from __future__ import annotations

from collections.abc import Sequence

from mcompile.record import Report, Rival, Variant
from mcompile.report import figures
from mcompile.types import Measured

TAKEN = "taken"
_FIGURES = (
    "latency_p50_ms", "latency_p90_ms", "latency_p99_ms", "size_mb", "accuracy", "agreement",
    "sqnr_db",
)  # fmt: skip


def head(report: Report) -> tuple[str, ...]:
    """The titles of the columns; a figure that no runtime has is left out."""
    return ("runtime", "precision", "verdict", *map(figures.label, _shown(report)), "note")


def rows(report: Report) -> tuple[tuple[str, ...], ...]:
    """A row for each runtime under `head`, none where there was no choice between runtimes."""
    if not report.rivals:
        return ()
    names = _shown(report)
    first = _cells(_own(report), names)
    built = (figures.line(report.backend), report.built.value, report.verdict.value)
    return ((*built, *first, TAKEN), *(_row(rival, names) for rival in report.rivals))


def _row(rival: Rival, names: Sequence[str]) -> tuple[str, ...]:
    built = rival.built.value if rival.built else ""
    verdict = rival.verdict.value if rival.verdict else ""
    return (figures.line(rival.backend), built, verdict, *_cells(rival, names), _note(rival))


def _note(rival: Rival) -> str:
    if rival.out:
        return figures.line(f"left out: {rival.out}" + (f"; {rival.fix}" if rival.fix else ""))
    return f"misses {', '.join(map(figures.label, rival.missed))}" if rival.missed else ""


def _own(report: Report) -> Variant | Rival:
    return report.variants[0] if report.variants else Rival(report.backend)


def _shown(report: Report) -> list[str]:
    every = (_own(report), *report.rivals)
    return [name for name in _FIGURES if any(each.find(name) for each in every)]


def _cells(one: Variant | Rival, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(_cell(one.find(name)) for name in names)


def _cell(measured: Measured | None) -> str:
    """The figure, and where it comes from unless it was measured on the device."""
    if measured is None:
        return ""
    source = figures.provenance(measured)
    found = figures.found(measured)
    return found if source == "measured" else f"{found}, {source}"
