"""The rows that every format shows: checks, variants side by side, rules, op counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from mcompile.record import Report, Undone, Variant
from mcompile.report import figures
from mcompile.types import Check, Measured, Verdict

_DETAILS = {
    "latency_p95",
    "latency_mean",
    "latency_min",
    "latency_max",
    "fps",
    "memory_process",
    "stability_std",
    "determinism",
    "error_rate",
    "finite_outputs",
    "output_shapes",
    "max_abs_error",
    "params",
    "weights",
    "macs",
    "flops",
    "moved",
    "activation_peak",
}
_DIFFERENCES = {"%": "pp", "pp": "pp", "dB": "dB"}


@dataclass(frozen=True)
class Row:
    """A check in words; `state` is passed, failed, missed (a soft limit) or unproven."""

    name: str
    label: str
    limit: str
    found: str
    state: str
    source: str
    because: str
    advice: str


def rows(report: Report) -> tuple[Row, ...]:
    """Every check, in the order it was made."""
    return tuple(row(check) for check in report.checks)


def row(check: Check) -> Row:
    """One check in words."""
    measured = check.measured
    limit, found = _figures(check)
    return Row(
        name=figures.line(check.name),
        label=_label(check),
        limit=limit,
        found=found,
        state=state(check),
        source=figures.source(measured) if measured else "",
        because=figures.line(check.because),
        advice=figures.line(check.advice),
    )


def _label(check: Check) -> str:
    """`accuracy, top-1` where the measurement says more exactly what the budget is about."""
    name = figures.label(check.name)
    exact = figures.label(check.measured.name) if check.measured else name
    return name if exact == name else f"{name}, {exact}"


def state(check: Check) -> str:
    """The verdict of a check; a soft limit is missed, never failed."""
    if check.verdict is Verdict.FAILED and not check.hard:
        return "missed"
    return check.verdict.value


def _figures(check: Check) -> tuple[str, str]:
    measured = check.measured
    unit = measured.unit if measured else figures.unit_of(check.name)
    found = figures.found(measured) if measured else "not measured"
    if check.limit is None:
        return "", found
    limit = figures.figure(check.limit, unit)
    if measured and measured.low is None:
        found, limit = figures.apart(measured.value, check.limit, unit)
    return limit, found


def tally(report: Report) -> str:
    """`2 passed, 0 failed, 1 unproven`, and the soft limits that were missed."""
    count = Counter(state(check) for check in report.checks)
    words = [f"{count[s]} {s}" for s in ("passed", "failed", "unproven")]
    if count["missed"]:
        words.append(f"{figures.count(count['missed'], 'soft limit')} missed")
    return ", ".join(words)


@dataclass(frozen=True)
class Side:
    """One measurement of every variant; `change` is the artifact against the float build.

    `note` is what the artifact's measurement says of itself, left out where the row above it says
    the same. A detail is shown to those who ask for it.
    """

    name: str
    label: str
    cells: tuple[str, ...]
    sources: tuple[str, ...]
    change: str
    note: str
    detail: bool


def titles(report: Report) -> tuple[str, ...]:
    """The variants as columns, the artifact last, so that a reader goes from before to after."""
    return tuple(figures.line(v.name) for v in reversed(report.variants))


def sides(report: Report) -> tuple[Side, ...]:
    """What the variants came to, side by side."""
    variants = tuple(reversed(report.variants))
    names = dict.fromkeys(m.name for v in report.variants for m in v.measured)
    made = sorted((_side(name, variants) for name in names), key=lambda s: s.detail)
    noted = pairwise([None, *made])
    return tuple(replace(b, note="") if a and a.note == b.note else b for a, b in noted if b)


def _side(name: str, variants: Sequence[Variant]) -> Side:
    values = [v.find(name) for v in variants]
    return Side(
        name=figures.line(name),
        label=figures.label(name),
        cells=tuple(figures.found(m) if m else "" for m in values),
        sources=tuple(figures.provenance(m) if m else "" for m in values),
        change=change(values[0], values[-1]) if len(values) > 1 else "",
        note=next((figures.line(m.note) for m in reversed(values) if m and m.note), ""),
        detail=figures.stem(name) in _DETAILS,
    )


def change(before: Measured | None, after: Measured | None) -> str:
    """The difference of a percentage or a level, the factor of anything else."""
    if before is None or after is None or before.unit != after.unit:
        return ""
    unit = _DIFFERENCES.get(before.unit)
    if unit:
        text = figures.figure(after.value - before.value, unit)
        return text if text.startswith("-") else f"+{text}"
    return figures.figure(after.value / before.value, "x") if before.value else ""


@dataclass(frozen=True)
class Tried:
    """What came of one rule: how often it was applied, left alone, and taken back."""

    rule: str
    applied: int
    skipped: int
    undone: int


def tried(report: Report) -> tuple[Tried, ...]:
    """Every rule that found something, by name."""
    log = report.rules
    applied = Counter(a.rule for a in log.applied)
    skipped = Counter(s.rule for s in log.skipped)
    undone = Counter(u.rule for u in log.undone)
    names = sorted({*applied, *skipped, *undone})
    return tuple(Tried(figures.line(n), applied[n], skipped[n], undone[n]) for n in names)


def undoing(undone: Undone) -> str:
    """Why a rewrite was taken back, and the folder that shows it."""
    return f"{undone.error}; see {undone.reproducer}" if undone.reproducer else undone.error


@dataclass(frozen=True)
class Ops:
    """How many nodes of one op there were and are."""

    op: str
    before: int
    after: int


def ops(report: Report) -> tuple[Ops, ...]:
    """Op counts before and after, the most frequent first."""
    before = Counter(n.op for n in report.graph_before)
    after = Counter(n.op for n in report.graph_after)
    names = sorted({*before, *after}, key=lambda o: (-max(before[o], after[o]), o))
    return tuple(Ops(figures.line(o), before[o], after[o]) for o in names)
