"""What accelerators take of an artifact, for every format; nothing where no runtime tells."""

from __future__ import annotations

from mcompile.coverage import Coverage
from mcompile.record import Report
from mcompile.report import figures
from mcompile.types import Provenance

HEAD = ("delegate", "operators", "MACs", "left to the processor", "provenance")


def rows(report: Report) -> tuple[tuple[str, ...], ...]:
    """A row for each delegate under `HEAD`."""
    return tuple(
        (figures.line(c.delegate), _taken(c), _share(c), _left(c), _source(c))
        for c in report.coverage
    )


def _taken(row: Coverage) -> str:
    parts = f", in {row.parts} parts" if row.parts > 1 else ""
    return f"{row.taken} of {row.ops}{parts}"


def _share(row: Coverage) -> str:
    return "" if row.macs_percent is None else f"{row.macs_percent:.3g} %"


def _left(row: Coverage) -> str:
    return figures.line("; ".join(row.fallen)) or "nothing"


def _source(row: Coverage) -> str:
    if row.provenance is Provenance.MEASURED:
        return "told by the runtime here"
    return figures.line(f"not run: {row.source}" if row.source else "not run")
