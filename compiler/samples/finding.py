"""What is wrong with data, as far as it can be told from the data alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mcompile.errors import SamplesError


@dataclass(frozen=True)
class Finding:
    """A defect of calibration data: its name, what it is, the figures that show it, what to do.

    A `hard` one makes the data worthless: nothing built on it would be right.
    """

    name: str
    what: str
    evidence: str
    fix: str
    hard: bool = False

    def __str__(self) -> str:
        return f"{self.what} ({self.evidence}): {self.fix}"


def refuse(findings: Iterable[Finding], source: str) -> None:
    """Return where no finding is hard; else raise `SamplesError` with the first hard one."""
    hard = [f for f in findings if f.hard]
    if not hard:
        return
    more = f"; and {len(hard) - 1} more: {', '.join(f.name for f in hard[1:])}" * (len(hard) > 1)
    first = hard[0]
    raise SamplesError(f"{first.what} ({first.evidence}){more}", where=source, fix=first.fix)
