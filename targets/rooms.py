"""What one section of a profile may hold: the fields of the noun it becomes, checked one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any, get_args, get_type_hints

import msgspec

from mcompile.errors import TargetError
from mcompile.wording import nearest, shown

_WANTED = {
    float: ("a number", "a bare number: its unit is in the name"),
    int: ("a whole number", "a bare whole number, such as 4"),
    str: ("text", "text in quotes"),
    tuple[str, ...]: ("a list of texts", 'a list, such as ["avx2", "fma"]'),
    tuple[float, ...]: ("a list of numbers", "a list, such as [10, 15]"),
}


@cache
def known(noun: type) -> Mapping[str, Any]:
    """The names that a section may use, each with the type of its value."""
    hints = get_type_hints(noun)
    return {f.name: _bare(hints[f.name]) for f in fields(noun)}


def _bare(hint: Any) -> Any:
    """The type without its `| None`: TOML has no word for nothing."""
    left = [part for part in get_args(hint) if part is not type(None)]
    return left[0] if type(None) in get_args(hint) else hint


def section(table: Mapping[str, Any], name: str, label: str) -> Mapping[str, Any]:
    """The section of that name, empty when the file does not have it."""
    found = table.get(name, {})
    if isinstance(found, dict):
        return found
    raise TargetError(
        f"{name} is {shown(found)}, not a section",
        where=label,
        fix=f"a line `[{name}]` above its keys",
    )


def values(
    found: Mapping[str, Any],
    types: Mapping[str, Any],
    *,
    kind: str,
    where: str,
    least: float | None,
) -> dict[str, Any]:
    """The values converted to their types, numbers finite and not below `least` (None: above zero).

    Raises `TargetError` for a name that is not known, saying that it is not `kind`.
    """
    return {
        key: number(
            key, typed(key, value, types[check(key, types, kind, where)], where), least, where
        )
        for key, value in found.items()
    }


def check(key: str, names: Mapping[str, Any], kind: str, where: str) -> str:
    """The key itself, when it is one of the names."""
    if key not in names:
        raise TargetError(f"{key} is not {kind}", where=where, fix=nearest(key, names))
    return key


def typed(key: str, value: object, hint: Any, where: str) -> Any:
    """The value as the type that the key asks for."""
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        wanted, fix = _WANTED[hint]
        raise TargetError(
            f"{key} is {shown(value)}, not {wanted}", where=where, fix=f"{key} = {fix}"
        ) from error


def number(key: str, value: Any, least: float | None, where: str) -> Any:
    """The value, when it is no number or one that can be meant."""
    if not isinstance(value, int | float):
        return value
    if math.isfinite(value) and (value > 0 if least is None else value >= least):
        return value
    wanted = "a number above zero" if least is None else f"a number of {least:g} or more"
    raise TargetError(
        f"{key} is {value:g}, not {wanted}", where=where, fix=f"{key} = {wanted}, or leave it out"
    )
