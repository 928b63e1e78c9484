"""What a device may be given: the entries of `[legality]`, and what is really built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcompile.errors import TargetError
from mcompile.profile import Legality, Target
from mcompile.targets.rooms import check, typed
from mcompile.types import Precision
from mcompile.wording import choice, nearest, shown

ROOM = "legality"
PRECISIONS = {p.value: p for p in Precision}
_PLAIN = {"native": "native", "emulated": "emulated", "illegal": "illegal"}
_KEYS = {"status": str, "falls_back_to": str, "because": str, "source": str}
_FORMS = '"native", "emulated", "illegal" or { falls_back_to = "...", because = "..." }'


def precision(text: object, where: str) -> Precision:
    """The precision of that name. Raises `TargetError` naming the nearest."""
    found = PRECISIONS.get(str(text))
    if found is None:
        raise TargetError(
            f"{shown(text)} is not a precision", where=where, fix=nearest(str(text), PRECISIONS)
        )
    return found


def entries(table: Mapping[str, Any], label: str, room: str = ROOM) -> dict[Precision, Legality]:
    """What a section says of each precision. Raises `TargetError` for the first mistake."""
    where = f"{label}, [{room}]"
    return {
        PRECISIONS[check(key, PRECISIONS, "a precision", where)]: entry(key, value, label, room)
        for key, value in table.items()
    }


def entry(name: str, value: object, label: str, room: str = ROOM) -> Legality:
    """One line of `[legality]`: a word, or a table with its reason and source."""
    where = f"{label}, [{room}] {name}"
    if isinstance(value, str):
        return Legality(_status(value, where))  # type: ignore[arg-type]
    if not isinstance(value, dict):
        raise TargetError(f"{shown(value)} is not a legality", where=where, fix=_FORMS)
    texts = {
        k: typed(check(k, _KEYS, "part of a legality", where), v, str, where)
        for k, v in value.items()
    }
    return _from_table(texts, where)


def _from_table(texts: Mapping[str, str], where: str) -> Legality:
    words = {k: texts[k] for k in ("because", "source") if k in texts}
    if ("status" in texts) == ("falls_back_to" in texts):
        raise TargetError(
            "a legality needs either `status` or `falls_back_to`", where=where, fix=_FORMS
        )
    if "status" in texts:
        return Legality(_status(texts["status"], where), **words)  # type: ignore[arg-type]
    if not words.get("because"):
        raise TargetError(
            "a precision that falls back needs a reason its user can read",
            where=where,
            fix='because = "..."',
        )
    return Legality("falls_back", precision(texts["falls_back_to"], where), **words)


def _status(word: str, where: str) -> str:
    if word not in _PLAIN:
        raise TargetError(f"{shown(word)} is not a legality", where=where, fix=_FORMS)
    return word


def complete(
    table: Mapping[Precision, Legality], default: Precision, label: str, room: str = ROOM
) -> None:
    """Raise `TargetError` unless each precision is stated and each fallback ends in a legal one."""
    where = f"{label}, [{room}]"
    for wanted in Precision:
        if wanted not in table:
            raise TargetError(
                f"the legality of {wanted.value} is not stated",
                where=where,
                fix=f"{wanted.value} = {_FORMS}",
            )
    for wanted in Precision:
        _ends(table, wanted, where)
    if table[default].status not in ("native", "emulated"):
        raise TargetError(
            f"{default.value} is the default and yet not legal",
            where=f"{label}, precision" if room == ROOM else where,
            fix=choice(_legal(table) or ["a precision that is native or emulated"]),
        )


def _ends(table: Mapping[Precision, Legality], wanted: Precision, where: str) -> None:
    """Raise `TargetError` where the fallbacks from `wanted` on lead nowhere."""
    path = list(_chain(table, wanted))
    end = table[path[-1]]
    if end.falls_back_to is not None:
        raise TargetError(
            f"{' -> '.join(p.value for p in [*path, end.falls_back_to])} falls back in a circle",
            where=where,
            fix="let one of them be native, emulated or illegal",
        )
    if len(path) > 1 and end.status == "illegal":
        raise TargetError(
            f"{wanted.value} falls back to {path[-1].value}, which is illegal",
            where=where,
            fix=f'{wanted.value} = "illegal", or another precision to fall back to',
        )


def _chain(table: Mapping[Precision, Legality], start: Precision) -> Iterator[Precision]:
    """The precisions that a request passes through; stops before one it has already seen."""
    seen: set[Precision] = set()
    here: Precision | None = start
    while here is not None and here not in seen:
        yield here
        seen.add(here)
        here = table[here].falls_back_to


def _legal(table: Mapping[Precision, Legality]) -> list[str]:
    return [p.value for p in Precision if table[p].status in ("native", "emulated")]


def effective(target: Target, requested: Precision, strict: bool = False) -> tuple[Precision, str]:
    """The precision that is really built for a request, and a sentence why it differs or costs."""
    path = list(_chain(target.legality, requested))
    built, verdict = path[-1], target.legality[requested]
    because = f": {verdict.because}" if verdict.because else ""
    if verdict.status == "illegal" or (strict and built is not requested):
        ways = f"--precision {choice(_legal(target.legality))}"
        raise TargetError(
            f"{target.name} may not be given {requested.value}{because}",
            where=f"target {target.name}, [legality]",
            fix=ways if verdict.status == "illegal" else f"{ways}, or leave out --strict",
        )
    if built is not requested:
        return built, f"{requested.value} falls back to {built.value} on {target.name}{because}"
    if verdict.status == "emulated":
        return built, f"{requested.value} is emulated on {target.name}{because}"
    return built, ""
