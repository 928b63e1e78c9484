"""What the commands that only look things up print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from mcompile import targets as profiles
from mcompile.profile import Device, Legality, Runtime, Target
from mcompile.talk import Talk
from mcompile.types import Precision


def targets(talk: Talk, name: str) -> int:
    """The profiles in a table, or one of them in full."""
    for fault in profiles.faults():
        talk.note(f"warning: {fault}")
    if name:
        found = profiles.load(name)
        if talk.json:
            talk.document(found)
        else:
            talk.say(*described(found))
        return 0
    every = [profiles.load(n) for n in profiles.names()]
    if talk.json:
        talk.document([{"name": t.name, "title": t.title, "backend": t.backend,
                        "precision": t.precision} for t in every])  # fmt: skip
        return 0
    wide = max(len(t.name) for t in every)
    talk.say(*(f"{t.name:{wide}}  {t.backend:15} {t.precision.value:5} {t.title}" for t in every))
    if not talk.quiet:
        talk.say("", f"scenarios: {', '.join(profiles.scenarios())}")
    return 0


def described(target: Target) -> list[str]:
    """A profile in lines: facts with their sources, legality, budgets."""
    lines = [f"{target.name}: {target.title}", f"  backend    {target.backend}",
             f"  precision  {target.precision.value}", ""]  # fmt: skip
    lines += _facts(target.device, "device", target.sources)
    lines += _facts(target.runtime, "runtime", target.sources)
    lines += ["", *_legalities(target.legality), ""]
    for name, other in target.others.items():
        lines += [f"  or {name} (--backend {name}, or auto for the better)", ""]
        pins = _facts(other.runtime, f"runtimes.{name}", target.sources)
        lines += [*pins, "", *_legalities(other.legality), ""]
    for field in fields(target.budgets):
        limit = getattr(target.budgets, field.name)
        if field.name != "soft" and limit is not None:
            soft = "  (soft)" if field.name in target.budgets.soft else ""
            lines.append(f"  {field.name:20} {limit:g}{soft}")
    return lines


def _shown(found: tuple[str | float, ...]) -> str:
    return " ".join(f"{v:g}" if isinstance(v, float) else v for v in found)


def _facts(noun: Device | Runtime, room: str, sources: Mapping[str, str]) -> list[str]:
    """The facts that are stated, each with its source."""
    lines = []
    for field in fields(noun):
        value = getattr(noun, field.name)
        if value not in (None, "", ()):
            shown = _shown(value) if isinstance(value, tuple) else value
            source = sources.get(f"{room}.{field.name}", "")
            lines.append(f"  {field.name:20} {shown!s:24} {source}".rstrip())
    return lines


def _legalities(table: Mapping[Precision, Legality]) -> list[str]:
    lines = []
    for precision, legal in table.items():
        status: str = legal.status
        if legal.falls_back_to is not None:
            status = f"falls back to {legal.falls_back_to.value}"
        because = f"  {legal.because} ({legal.source})" if legal.because else ""
        lines.append(f"  {precision.value:13} {status}{because}")
    return lines


def backends(talk: Talk) -> int:
    """The backends, usable or not."""
    from mcompile import registry
    from mcompile.backend import Backend

    found = registry.backends()
    if talk.json:
        talk.document(
            {
                name: {"available": True, "title": b.title, "precisions": sorted(b.precisions)}
                if isinstance(b, Backend)
                else {"available": False, "because": b.what, "fix": b.fix}
                for name, b in found.items()
            }
        )
        return 0
    for name, b in found.items():
        if isinstance(b, Backend):
            talk.say(f"{name:16} {b.title}: {', '.join(sorted(p.value for p in b.precisions))}")
        else:
            talk.say(f"{name:16} missing: {b.what}", f"{'':16} {b.fix}")
    return 0
