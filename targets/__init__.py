"""What can be compiled for: one TOML a device, and the loader that turns it into a `Target`.

The parser is imported when a profile is first read: a list of names does without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mcompile.targets.places import find, installed, shipped

if TYPE_CHECKING:
    from mcompile.profile import Target
    from mcompile.targets.assemble import Scenario
    from mcompile.types import Precision

__all__ = ["effective", "faults", "load", "names", "on", "scenarios"]


def names() -> tuple[str, ...]:
    """The targets that can be named here, those of installed packages among them, sorted."""
    return tuple(sorted({*shipped(), *installed()[0]}))


def faults() -> tuple[str, ...]:
    """What is wrong with installed packages that announce targets and give none, a line each."""
    return installed()[1]


def scenarios() -> Mapping[str, Scenario]:
    """The scenarios by name, each with its `title`, `budgets` and `requests_per_day`."""
    from mcompile.targets import assemble

    return assemble.scenarios()


def load(name_or_path: str, scenario: str = "", budgets: Sequence[str] = ()) -> Target:
    """The target of that name, or of that file when it ends in `.toml`.

    The scenario's limits go over the profile's, and each `key=value` of `budgets` over both.
    Raises `TargetError` for a profile that is unknown, unreadable or wrong, `UsageError` for an
    unknown scenario or a bad limit.
    """
    from mcompile.targets import assemble

    place = find(name_or_path, "the targets that `mcompile targets` lists")
    return assemble.target(place, scenario, budgets)


def on(target: Target, backend: str) -> Target:
    """The target with that runtime of its own as the first; its pins and legality are the target's.

    Raises `TargetError` for a runtime that the profile does not name, saying those it has.
    """
    from mcompile.targets import runtimes

    return runtimes.on(target, backend)


def effective(target: Target, requested: Precision, strict: bool = False) -> tuple[Precision, str]:
    """The precision that is really built for a request, and a sentence why it differs or costs.

    The sentence is empty for a native precision. Raises `TargetError` for an illegal one, and under
    `strict` for one that would fall back.
    """
    from mcompile.targets import legality

    return legality.effective(target, requested, strict)
