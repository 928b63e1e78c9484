"""The steps by which a model was changed before it was planned, as lines and members of an archive.

{"value": "a", "by": "scaled.0"}                         the channels that run through a
{"value": "g", "by": "scaled.1", "readers": ["y"]}       what y reads of g, by a Mul of its own
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from mcompile.errors import UsageError
from mcompile.types import Array, Changed, Divided, QuantPlan


class Step(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One line: a value, the member of the archive that it is divided by, and for which layers."""

    value: str
    by: str
    readers: list[str] = []


def lines(plan: QuantPlan) -> list[Step]:
    """The steps of the plan as its text holds them."""
    steps = plan.changed.steps if plan.changed else ()
    return [Step(s.value, n, [*s.readers]) for s, n in zip(steps, _names(plan), strict=True)]


def members(plan: QuantPlan) -> dict[str, Array]:
    """All that the plan's archive holds, by name: codes of weights, and divisors."""
    steps = plan.changed.steps if plan.changed else ()
    by = [np.asarray(s.by, np.float64) for s in steps]
    return {**plan.codes, **dict(zip(_names(plan), by, strict=True))}


def split(
    held: Mapping[str, Array], how: str, steps: Sequence[Step], source: str
) -> tuple[dict[str, Array], Changed | None]:
    """The codes of an archive, and how the model was changed, if it was.

    Raises `UsageError`, naming `source`, for divisors that are missing or none.
    """
    made = tuple(Divided(s.value, _divisors(held, s, source), tuple(s.readers)) for s in steps)
    used = {s.by for s in steps}
    codes = {name: data for name, data in held.items() if name not in used}
    return codes, Changed(how, made) if made else None


def _names(plan: QuantPlan) -> list[str]:
    """Members that no weight is named like."""
    stem = "scaled"
    while any(name.startswith(f"{stem}.") for name in plan.codes):
        stem += "_"
    return [f"{stem}.{k}" for k in range(len(plan.changed.steps) if plan.changed else 0)]


def _divisors(held: Mapping[str, Array], step: Step, source: str) -> Array:
    found = held.get(step.by)
    good = found is not None and found.ndim == 1 and found.dtype == np.float64
    # Within these bounds a float32 weight that is divided stays a number.
    if found is None or not good or not ((found > 1e-15) & (found < 1e15)).all():
        raise UsageError(
            f"the archive holds no divisors {step.by} for the channels of {step.value}",
            where=source,
            fix="copy plan.json and plan.npz together, as the build wrote them",
        )
    return found
