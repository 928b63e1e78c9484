"""What can be compiled for: one TOML a device, and the loader that turns it into a `Target`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mcompile.errors import TargetError, UsageError
from mcompile.profile import Budgets, Device, Legality, Runtime, Target
from mcompile.targets.layers import TOP, Layer, parse, stack
from mcompile.targets.legality import complete, effective
from mcompile.targets.limits import Limits, override
from mcompile.targets.places import find, installed, shipped
from mcompile.targets.tables import read
from mcompile.targets.wording import nearest
from mcompile.types import Precision

__all__ = ["Scenario", "effective", "faults", "load", "names", "scenarios"]


@dataclass(frozen=True)
class Scenario:
    """A use that any device may be held to: limits that go over the device's own."""

    name: str
    title: str
    budgets: Budgets
    requests_per_day: float | None = None


def names() -> tuple[str, ...]:
    """The targets that can be named here, those of installed packages among them, sorted."""
    return tuple(sorted({*shipped(), *installed()[0]}))


def faults() -> tuple[str, ...]:
    """What is wrong with installed packages that announce targets and give none, a line each."""
    return installed()[1]


def scenarios() -> Mapping[str, Scenario]:
    """The scenarios by name."""
    return {name: _scenario(name, _scenario_layer(name)) for name in shipped("scenarios")}


def load(name_or_path: str, scenario: str = "", budgets: Sequence[str] = ()) -> Target:
    """The target of that name, or of that file when it ends in `.toml`.

    The scenario's limits go over the profile's, and each `key=value` of `budgets` over both.
    Raises `TargetError` for a profile that is unknown, unreadable or wrong, `UsageError` for an
    unknown scenario or a bad limit.
    """
    place = find(name_or_path, "the targets that `mcompile targets` lists")
    layer = stack(place)
    if scenario:
        use = _scenario_layer(scenario)
        layer = replace(
            layer, top={**layer.top, **_volume(use)}, limits=use.limits.over(layer.limits)
        )
    layer = replace(layer, limits=override(layer.limits, budgets))
    return _target(place.name, layer)


def _target(name: str, layer: Layer) -> Target:
    for key in ("backend", "precision"):
        _required(key, layer.top, layer.label)
    _required("arch", layer.device, f"{layer.label}, [device]")
    torn = sorted({*layer.device.get("isa", ())} & {*layer.device.get("isa_without", ())})
    if torn:
        raise TargetError(
            f"{torn[0]} is both in `isa` and in `isa_without`",
            where=f"{layer.label}, [device]",
            fix="take it out of one of them",
        )
    complete(layer.legality, layer.top["precision"], layer.label)
    return Target(
        name=name,
        title=layer.top.get("title", name),
        backend=layer.top["backend"],
        precision=layer.top["precision"],
        device=Device(**layer.device),
        runtime=Runtime(**layer.runtime),
        legality=_sourced(layer),
        budgets=layer.limits.budgets(layer.label),
        requests_per_day=layer.top.get("requests_per_day"),
        sources=_sources(layer),
    )


def _required(key: str, found: Mapping[str, object], where: str) -> None:
    if not found.get(key):
        raise TargetError(f"{key} is missing", where=where, fix=f'{key} = "..."')


def _sourced(layer: Layer) -> dict[Precision, Legality]:
    """Each legality with its source, wherever the profile wrote it down."""
    return {
        p: replace(entry, source=entry.source or layer.sources.get(f"legality.{p.value}", ""))
        for p in Precision
        for entry in [layer.legality[p]]
    }


def _sources(layer: Layer) -> dict[str, str]:
    own = {
        f"legality.{p.value}": entry.source for p, entry in layer.legality.items() if entry.source
    }
    return {**layer.sources, **own}


def _scenario_layer(name: str) -> Layer:
    known = shipped("scenarios")
    if name not in known:
        raise UsageError(
            f"{name} is not a scenario", where=f"--scenario {name}", fix=nearest(name, known)
        )
    return parse(read(known[name]), known[name].label)


def _scenario(name: str, layer: Layer) -> Scenario:
    return Scenario(
        name,
        layer.top.get("title", name),
        layer.limits.budgets(layer.label),
        layer.top.get("requests_per_day"),
    )


def _volume(layer: Layer) -> dict[str, object]:
    return {k: v for k, v in layer.top.items() if k == "requests_per_day"}
