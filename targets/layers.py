"""A profile's file as a layer: checked on its own, then laid over the profile it extends.

A key that a layer states replaces the one below it, and takes that one's source away with it: a new
figure is not vouched for by the old figure's source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mcompile.errors import TargetError
from mcompile.profile import Device, Legality, Runtime
from mcompile.targets.legality import ROOM, entries, precision
from mcompile.targets.limits import Limits, limits
from mcompile.targets.places import SUFFIX, Place, find
from mcompile.targets.rooms import check, known, section, typed, values
from mcompile.targets.runtimes import FACTS, PREFIX, Stated, laid, runtimes
from mcompile.targets.tables import read
from mcompile.types import Precision

TOP = {"title": str, "extends": str, "backend": str, "precision": str, "requests_per_day": float}
SECTIONS = ("device", "runtime", "legality", "budgets", "sources", "runtimes")


@dataclass(frozen=True)
class Layer:
    """What one file says, or several laid over each other."""

    label: str
    top: Mapping[str, Any]
    device: Mapping[str, Any]
    runtime: Mapping[str, Any]
    legality: Mapping[Precision, Legality]
    limits: Limits
    sources: Mapping[str, str]
    others: Mapping[str, Stated] = field(default_factory=dict)

    def over(self, below: Layer) -> Layer:
        """This layer on top of that one; a title is a file's own and is not passed on."""
        kept = {k: v for k, v in below.sources.items() if k not in self.facts()}
        inherited = {k: v for k, v in below.top.items() if k != "title"}
        return replace(
            self,
            top=inherited | dict(self.top),
            device={**below.device, **self.device},
            runtime={**below.runtime, **self.runtime},
            legality={**below.legality, **self.legality},
            limits=self.limits.over(below.limits),
            sources={**kept, **self.sources},
            others=laid(self.others, below.others),
        )

    def facts(self) -> set[str]:
        """What it states, by dotted name."""
        return {
            *(f"device.{key}" for key in self.device),
            *(f"runtime.{key}" for key in self.runtime),
            *(f"legality.{key.value}" for key in self.legality),
            *(
                f"{PREFIX}{name}.{fact}"
                for name, each in self.others.items()
                for fact in each.facts()
            ),
            *self.top,
        }


def stack(place: Place, above: tuple[Place, ...] = ()) -> Layer:
    """The file's layer over all that it extends. Raises `TargetError` where they form a circle."""
    trail = (*above, place)
    if any(p.path.resolve() == place.path.resolve() for p in above):
        raise TargetError(
            f"{' -> '.join(p.name for p in trail)} extends itself",
            where=f"{trail[-2].label}, extends",
            fix="let one of them stand alone",
        )
    layer = parse(read(place), place.label)
    parent = layer.top.get("extends")
    if parent is None:
        return layer
    return layer.over(stack(_parent(parent, place), trail))


def _parent(name: str, child: Place) -> Place:
    if not name.endswith(SUFFIX):
        return find(name, f"{child.label}, extends")
    # A path is meant from the file that says it, wherever the compiler was started.
    path = child.path.parent / name
    return Place(path, path.as_posix())


def parse(table: Mapping[str, Any], label: str) -> Layer:
    """The layer that a file's table says. Raises `TargetError` for the first mistake."""
    for key in table:
        check(key, {**TOP, **dict.fromkeys(SECTIONS)}, "a key of a profile", label)
    given = {k: v for k, v in table.items() if k in TOP}
    top = values(given, TOP, kind="a key of a profile", where=label, least=None)
    if "precision" in top:
        top["precision"] = precision(top["precision"], f"{label}, precision")
    return Layer(
        label=label,
        top=top,
        device=_facts(table, "device", Device, label),
        runtime=_facts(table, "runtime", Runtime, label),
        legality=entries(section(table, ROOM, label), label),
        limits=limits(table, label),
        sources=dict(_sources(section(table, "sources", label), label)),
        others=runtimes(table, label),
    )


def _facts(table: Mapping[str, Any], name: str, noun: type, label: str) -> dict[str, Any]:
    where, kind = f"{label}, [{name}]", f"a fact of a {name}"
    found = values(section(table, name, label), known(noun), kind=kind, where=where, least=None)
    for flag in (*found.get("isa", ()), *found.get("isa_without", ())):
        if flag != flag.lower():
            raise TargetError(
                f"{flag} is not how /proc/cpuinfo spells it", where=where, fix=flag.lower()
            )
    return found


def _sources(table: Mapping[str, Any], label: str, above: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names to texts; TOML reads `device.cores = ".."` without quotes as nested tables."""
    where = f"{label}, [sources]"
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _sources(value, label, f"{above}{key}.")
        else:
            name = f"{above}{key}"
            check(name, _sourced(name), "a fact that a profile can state", where)
            yield name, typed(name, value, str, where)


def _sourced(name: str) -> Mapping[str, None]:
    """The facts that may have a source, those of a further runtime where the name speaks of one."""
    if not name.startswith(PREFIX):
        return _SOURCED
    runtime = name.removeprefix(PREFIX).partition(".")[0]
    return dict.fromkeys(f"{PREFIX}{runtime}.{fact}" for fact in FACTS)


_SOURCED = dict.fromkeys(
    [
        *(f"device.{name}" for name in known(Device)),
        *(f"runtime.{name}" for name in known(Runtime)),
        *(f"legality.{each.value}" for each in Precision),
        "requests_per_day",
    ]
)
