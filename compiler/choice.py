"""Which form is handed over where the choice was left to the compiler.

The fastest that meets the accuracy budget, and among those that are as fast as nobody can tell
apart the most accurate. A limit on accuracy that only informs is one here: speed bought with what
it forbids is no gain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isnan, nan

from mcompile.profile import Budgets
from mcompile.request import Request
from mcompile.types import Check, Measured, Precision, Program, Verdict
from mcompile.validate import validate

ALIKE = 1.02
"""Medians of one interleaved run that lie nearer than this do not tell which form is faster."""
ACCURACY = {"accuracy_min", "accuracy_drop_pp", "agreement_min", "sqnr_db_min", "oracle_agreement"}


_MOSTLY_LINEAR = 0.5


@dataclass(frozen=True)
class Candidate:
    """One form: its figures, `accuracy_drop_pp` among them, and the checks made of them."""

    precision: Precision
    figures: Sequence[Measured]
    checks: Sequence[Check]

    def figure(self, name: str, other: float) -> float:
        """The measured figure of that name, or the other value where there is none."""
        measured = (m.value for m in self.figures if m.name == name and m.low is None)
        return next(measured, other)

    @property
    def latency_ms(self) -> float:
        """The median latency, the predicted one where none was measured, infinite without both."""
        known = (m.value for m in self.figures if m.name == "latency_p50_ms")
        return self.figure("latency_p50_ms", next(known, inf))

    @property
    def is_timed(self) -> bool:
        """Whether the latency was measured, here or on the device."""
        return self.figure("latency_p50_ms", inf) < inf


def choose(candidates: Sequence[Candidate], budgets: Budgets) -> tuple[Precision, str]:
    """The form to hand over, and a sentence that says why and what became of the others.

    Failed hard checks count first, then missed limits of accuracy, then other checks that inform.
    """
    missed = {c.precision: missed_accuracy(c, budgets) for c in candidates}
    ranks = {c.precision: rank(c, missed[c.precision]) for c in candidates}
    best = min(ranks.values())
    equal = [c for c in candidates if ranks[c.precision] == best]
    quickest = min(c.latency_ms for c in equal)
    near = [c for c in equal if c.latency_ms <= ALIKE * quickest]
    chosen = max(near, key=lambda c: (c.figure("sqnr_db", 0.0), c.figure("agreement", 0.0)))
    return chosen.precision, _told(chosen, candidates, missed)


def missed_accuracy(candidate: Candidate, budgets: Budgets) -> tuple[str, ...]:
    """The limits of accuracy that a form misses, soft ones and figures of other devices included.

    A figure that proves nothing for the target is still the best that is known of the form.
    """
    taken = tuple(replace(m, counts=True) for m in candidate.figures)
    checks = validate(taken, budgets, precision=candidate.precision)
    return tuple(c.name for c in checks if c.name in ACCURACY and c.verdict is Verdict.FAILED)


def rank(candidate: Candidate, missed: Sequence[str]) -> tuple[int, int, int]:
    """What counts before speed, less being better: hard checks, limits of accuracy, soft checks."""
    failed = [c for c in candidate.checks if c.verdict is Verdict.FAILED]
    soft = [c for c in failed if not c.hard and c.name not in ACCURACY]
    return sum(c.hard for c in failed), len(missed), len(soft)


def faults(candidate: Candidate, missed: Sequence[str]) -> tuple[str, ...]:
    """The names of the hard checks that failed and of the limits of accuracy that were missed."""
    hard = (c.name for c in candidate.checks if c.hard and c.verdict is Verdict.FAILED)
    return tuple(dict.fromkeys([*hard, *missed]))


def _told(
    chosen: Candidate, candidates: Sequence[Candidate], missed: Mapping[Precision, Sequence[str]]
) -> str:
    said = {c.precision: _described(c, missed[c.precision]) for c in candidates}
    first = said.pop(chosen.precision)
    others = "; ".join(said.values())
    return f"auto chose {first}" + (f"; not {others}" if others else "")


def _described(candidate: Candidate, missed: Sequence[str]) -> str:
    wrong = ", ".join(faults(candidate, missed))
    near = candidate.figure("sqnr_db", nan)
    told = f"{candidate.figure('agreement', nan):.1f} %" if isnan(near) else f"{near:.1f} dB"
    predicted = "" if candidate.is_timed else " predicted"
    facts = f"{candidate.latency_ms:.3g} ms{predicted}, {told}"
    return f"{candidate.precision.value} ({facts}{f', misses {wrong}' if wrong else ''})"


def worth_trying(request: Request, program: Program) -> Request:
    """The request without dynamic INT8 where `auto` could not gain by it: it skips convolutions."""
    dynamic = Precision.INT8_DYNAMIC
    if not request.choose or _linear_share(program) >= _MOSTLY_LINEAR:
        return request
    return replace(request, precisions=tuple(p for p in request.precisions if p is not dynamic))


def _linear_share(program: Program) -> float:
    """The bytes of matrices that linear layers read, of all weights but what is looked up."""
    linear = other = 0
    for value in program.graph.graph.initializers.values():
        readers = {n.op_type for n in value.consumers()}
        rank = len(value.shape or ())
        size = value.const_value.nbytes if value.const_value else 0
        if rank == 2 and readers <= {"MatMul", "Gemm", "Transpose"}:
            linear += size
        elif rank > 2:
            other += size
    return linear / ((linear + other) or 1)
