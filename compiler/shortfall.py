"""What it would take, where integers do not hold what is asked of their accuracy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mcompile.record import TriedRow
from mcompile.types import Check, Measured, Precision, Verdict
from mcompile.validate import FLOOR_DB, FLOOR_PERCENT

_NUMERIC = {
    "sqnr_db_min", "agreement_min", "accuracy_min", "accuracy_drop_pp", "oracle_agreement",
}  # fmt: skip
_LAST = "distil or train quantization-aware"


def advised(
    checks: Mapping[Precision, Sequence[Check]],
    precision: Precision,
    tried: Sequence[TriedRow],
    found: Mapping[Precision, Sequence[Measured]],
) -> tuple[Check, ...]:
    """The checks of that form; where one of accuracy failed, the advice is what would hold it.

    Said are how much is missing, the file that came nearest of those that were measured with its
    latency against the one that was taken, and the other forms of this build that meet the limit.
    """
    return tuple(
        replace(check, advice=_advice(check, precision, tried, _others(checks, check, found)))
        if tried and check.verdict is Verdict.FAILED and check.name in _NUMERIC
        else check
        for check in checks[precision]
    )


def _advice(
    check: Check, precision: Precision, tried: Sequence[TriedRow], others: Sequence[str]
) -> str:
    words = [_missing(check, precision), _nearest(tried), *others, f"else {_LAST}"]
    return "; ".join(w for w in words if w)


def _missing(check: Check, precision: Precision) -> str:
    """How far the value is from its limit, in its own unit."""
    seen = check.measured
    if seen is None:
        return ""
    floors = FLOOR_DB if seen.unit == "dB" else FLOOR_PERCENT
    limit = floors[precision] if check.limit is None else check.limit
    lacks = abs(limit - seen.value)
    if not math.isfinite(lacks):
        return ""
    word = "less" if check.name == "accuracy_drop_pp" else "more"
    return f"needs {lacks:.3g} {'pp' if seen.unit == '%' else seen.unit} {word}"


def _nearest(tried: Sequence[TriedRow]) -> str:
    """The most accurate file that was measured, and what it costs."""
    best = max(tried, key=lambda t: t.sqnr_db)
    taken = next((t for t in tried if t.taken), best)
    if best.sqnr_db <= taken.sqnr_db:
        cost = _cost(taken, tried[0], "of the plain one")
        lead = f"the most accurate of {len(tried)} files tried was taken" if len(tried) > 1 else ""
        return f"{lead}: {taken.how}, {taken.sqnr_db:.1f} dB{cost}" if lead else ""
    return f"best tried: {best.how}, {best.sqnr_db:.1f} dB{_cost(best, taken, 'of this one')}"


def _cost(one: TriedRow, other: TriedRow, whose: str) -> str:
    """The latency of one file against that of another, where both were timed."""
    if one is other or not all(0 < t.latency_ms < math.inf for t in (one, other)):
        return ""
    return f" at {one.latency_ms / other.latency_ms:.2f}x the latency {whose}"


def _others(
    checks: Mapping[Precision, Sequence[Check]],
    failed: Check,
    found: Mapping[Precision, Sequence[Measured]],
) -> list[str]:
    """The other forms that pass the same check."""
    met = [
        p
        for p, rows in checks.items()
        if any(c.name == failed.name and c.verdict is Verdict.PASSED for c in rows)
    ]
    return [f"{p.value} meets it{_time(found.get(p, ()))}" for p in met]


def _time(found: Sequence[Measured]) -> str:
    times = (m.value for m in found if m.name == "latency_p50_ms" and m.low is None)
    took = next(times, None)
    return "" if took is None else f" at {took:.3g} ms"
