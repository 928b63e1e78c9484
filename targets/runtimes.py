"""Further runtimes of one device: `[runtimes.NAME]`, and the target with one of them as its own.

A profile's first runtime is `backend`, with `[runtime]` and `[legality]`. Of each further one the
same is said in one section: its pins, and under it the legality of each precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mcompile.errors import TargetError
from mcompile.profile import Alternative, Legality, Runtime, Target
from mcompile.targets.legality import ROOM, entries
from mcompile.targets.rooms import known, section, values
from mcompile.types import Precision
from mcompile.wording import choice

PREFIX = "runtimes."
FACTS = (*known(Runtime), *(f"{ROOM}.{p.value}" for p in Precision))
"""What may be said of a further runtime, by dotted name."""


@dataclass(frozen=True)
class Stated:
    """What one file, or several laid over each other, say of a further runtime."""

    runtime: Mapping[str, Any]
    legality: Mapping[Precision, Legality]

    def over(self, below: Stated) -> Stated:
        """This on top of that."""
        return Stated({**below.runtime, **self.runtime}, {**below.legality, **self.legality})

    def facts(self) -> set[str]:
        """What it states, by dotted name."""
        return {*self.runtime, *(f"{ROOM}.{p.value}" for p in self.legality)}


def runtimes(table: Mapping[str, Any], label: str) -> dict[str, Stated]:
    """Each further runtime of a file by name. Raises `TargetError` for the first mistake."""
    return {name: _stated(name, table, label) for name in section(table, "runtimes", label)}


def laid(above: Mapping[str, Stated], below: Mapping[str, Stated]) -> dict[str, Stated]:
    """The further runtimes of both files, what is stated twice as the upper one says it."""
    return {**below, **{n: e.over(below[n]) if n in below else e for n, e in above.items()}}


def on(target: Target, backend: str) -> Target:
    """The target with that runtime as its first, and the one it had among the others."""
    if backend == target.backend:
        return target
    if backend not in target.others:
        has = [target.backend, *target.others]
        raise TargetError(
            f"{target.name} does not name the runtime {backend}",
            where=f"--backend {backend}",
            fix=f"--backend {choice([*has, 'auto'] if len(has) > 1 else has)}",
        )
    chosen = target.others[backend]
    first = {target.backend: Alternative(target.runtime, target.legality)}
    left = {n: other for n, other in target.others.items() if n != backend}
    return replace(
        target,
        backend=backend,
        runtime=chosen.runtime,
        legality=chosen.legality,
        sources={_moved(k, target.backend, backend): v for k, v in target.sources.items()},
        others=first | left,
    )


def _moved(fact: str, first: str, chosen: str) -> str:
    """The name of a fact once the chosen runtime is the first one."""
    room, _, name = fact.partition(".")
    if room == "runtime":
        return f"{PREFIX}{first}.{name}"
    if room == ROOM:
        return f"{PREFIX}{first}.{fact}"
    own = fact.removeprefix(f"{PREFIX}{chosen}.")
    return fact if own == fact else own if own.startswith(f"{ROOM}.") else f"runtime.{own}"


def _stated(name: str, table: Mapping[str, Any], label: str) -> Stated:
    room = f"{PREFIX}{name}"
    found = section({room: table["runtimes"][name]}, room, label)
    pins = {key: value for key, value in found.items() if key != ROOM}
    kind, where = "a fact of a runtime", f"{label}, [{room}]"
    legal = {f"{room}.{ROOM}": found.get(ROOM, {})}
    return Stated(
        values(pins, known(Runtime), kind=kind, where=where, least=None),
        entries(section(legal, f"{room}.{ROOM}", label), label, f"{room}.{ROOM}"),
    )
