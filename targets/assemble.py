"""Turns layers into the nouns: a `Target` from a profile's, a `Scenario` from a scenario's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mcompile.errors import TargetError, UsageError
from mcompile.profile import Alternative, Budgets, Device, Legality, Runtime, Target
from mcompile.targets.layers import Layer, parse, stack
from mcompile.targets.legality import complete
from mcompile.targets.limits import override
from mcompile.targets.places import Place, shipped
from mcompile.targets.runtimes import PREFIX
from mcompile.targets.tables import read
from mcompile.types import Precision
from mcompile.wording import nearest

_LATENCIES = ("latency_p50_ms", "latency_p90_ms", "latency_p99_ms")


@dataclass(frozen=True)
class Scenario:
    """A use that any device may be held to: limits that go over the device's own."""

    name: str
    title: str
    budgets: Budgets
    requests_per_day: float | None = None


def target(place: Place, scenario: str, budgets: Sequence[str]) -> Target:
    """The target of a profile's file, its limits under those of the scenario and of `budgets`."""
    layer = stack(place)
    if scenario:
        use = _scenario(scenario)
        volume = {k: v for k, v in use.top.items() if k == "requests_per_day"}
        layer = replace(layer, top={**layer.top, **volume}, limits=use.limits.over(layer.limits))
    return _target(place.name, replace(layer, limits=override(layer.limits, budgets)))


def scenarios() -> Mapping[str, Scenario]:
    """The scenarios by name."""
    layers = {name: _scenario(name) for name in shipped("scenarios")}
    return {
        name: Scenario(
            name,
            layer.top.get("title", name),
            layer.limits.budgets(layer.label),
            layer.top.get("requests_per_day"),
        )
        for name, layer in layers.items()
    }


def _scenario(name: str) -> Layer:
    known = shipped("scenarios")
    if name not in known:
        raise UsageError(
            f"{name} is not a scenario", where=f"--scenario {name}", fix=nearest(name, known)
        )
    return parse(read(known[name]), known[name].label)


def _target(name: str, layer: Layer) -> Target:
    _coherent(layer)
    top = layer.top
    return Target(
        name=name,
        title=top.get("title", name),
        backend=top["backend"],
        precision=top["precision"],
        device=Device(**layer.device),
        runtime=Runtime(**layer.runtime),
        legality=_sourced(layer.legality, layer.sources, ""),
        budgets=layer.limits.budgets(layer.label),
        requests_per_day=top.get("requests_per_day"),
        sources=_sources(layer),
        others={
            name: Alternative(
                Runtime(**each.runtime),
                _sourced(each.legality, layer.sources, f"{PREFIX}{name}."),
            )
            for name, each in layer.others.items()
        },
        ranked_by=next((n for n in layer.limits.stated if n in _LATENCIES), _LATENCIES[0]),
    )


def _coherent(layer: Layer) -> None:
    """Raise `TargetError` where something is missing, or two facts exclude each other."""
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
    for name, each in layer.others.items():
        room = f"{PREFIX}{name}"
        if name == layer.top["backend"]:
            raise TargetError(
                f"{name} is the profile's first runtime, and is stated again",
                where=f"{layer.label}, [{room}]",
                fix="[runtime] and [legality] are its sections",
            )
        complete(each.legality, layer.top["precision"], layer.label, f"{room}.legality")


def _required(key: str, found: Mapping[str, object], where: str) -> None:
    if not found.get(key):
        raise TargetError(f"{key} is missing", where=where, fix=f'{key} = "..."')


def _sourced(
    stated: Mapping[Precision, Legality], sources: Mapping[str, str], room: str
) -> dict[Precision, Legality]:
    """Each legality with its source, wherever the profile wrote it down."""
    return {
        p: replace(e, source=e.source or sources.get(f"{room}legality.{p.value}", ""))
        for p, e in ((p, stated[p]) for p in Precision)
    }


def _sources(layer: Layer) -> dict[str, str]:
    tables = {"": layer.legality, **{f"{PREFIX}{n}.": e.legality for n, e in layer.others.items()}}
    own = {
        f"{room}legality.{p.value}": entry.source
        for room, table in tables.items()
        for p, entry in table.items()
        if entry.source
    }
    return {**layer.sources, **own}
