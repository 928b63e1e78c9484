"""Budgets in layers: a profile's, over them a scenario's, over them those of the command line.

Who states a limit also states whether it is hard: a limit that is stated again is hard unless the
same layer lists it as `soft`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mcompile.errors import TargetError, UsageError
from mcompile.profile import Budgets
from mcompile.targets.rooms import known, section, typed, values
from mcompile.wording import nearest, shown

NAMES = {name: hint for name, hint in known(Budgets).items() if name != "soft"}


@dataclass(frozen=True)
class Limits:
    """The limits that one layer states, and those of all layers that only inform."""

    stated: Mapping[str, float] = field(default_factory=dict)
    soft: frozenset[str] = frozenset()

    def over(self, below: Limits) -> Limits:
        """These limits on top of those."""
        soft = frozenset(below.soft - self.stated.keys()) | self.soft
        return Limits({**below.stated, **self.stated}, soft)

    def budgets(self, label: str) -> Budgets:
        """The noun they come to. Raises `TargetError` for a soft name that has no limit."""
        idle = sorted(self.soft - self.stated.keys())
        if idle:
            raise TargetError(
                f"{idle[0]} is soft but has no limit",
                where=f"{label}, [budgets]",
                fix=f"{idle[0]} = a number, or leave it out of `soft`",
            )
        return Budgets(**self.stated, soft=self.soft)


def limits(table: Mapping[str, object], label: str) -> Limits:
    """The `[budgets]` of one file."""
    where = f"{label}, [budgets]"
    found = dict(section(table, "budgets", label))
    soft = typed("soft", found.pop("soft", []), tuple[str, ...], where)
    for name in soft:
        if name not in NAMES:
            raise TargetError(
                f"{name} is not a budget", where=f"{where} soft", fix=nearest(name, NAMES)
            )
    stated = values(found, NAMES, kind="a budget", where=where, least=0)
    return Limits(stated, frozenset(soft))


def override(below: Limits, items: Sequence[str]) -> Limits:
    """The limits with each `key=value` on top; `key=none` takes a limit away."""
    for item in items:
        key, _, text = item.partition("=")
        _budget(key, item)
        stated = {} if text == "none" else {key: _amount(key, text, item)}
        left = {k: v for k, v in below.stated.items() if k != key}
        below = Limits(stated).over(Limits(left, below.soft - {key}))
    return below


def _budget(key: str, item: str) -> None:
    if key not in NAMES:
        raise UsageError(
            f"{key or 'an empty name'} is not a budget",
            where=f"--budget {item}",
            fix=nearest(key, NAMES),
        )


def _amount(key: str, text: str, item: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value) and value >= 0:
        return value
    raise UsageError(
        f"{shown(text)} is not a number of 0 or more",
        where=f"--budget {item}",
        fix=f"--budget {key}=50 (the unit is in the name), or {key}=none to drop the limit",
    )
