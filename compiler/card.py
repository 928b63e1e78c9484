"""The model card: what a model always needs, in a TOML file beside it.

A card is data that may have come with the model, from anyone. It may name an architecture that is
plainly a network, and files. Whatever else it names in Python, and whatever looks as if it loaded
or downloaded something, is called only with `trust_code`.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import msgspec

from mcompile.errors import UsageError
from mcompile.names import is_name, resolve
from mcompile.options import Options
from mcompile.profile import Budgets
from mcompile.wording import nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_FETCHING = re.compile(r"pretrain|weight|checkpoint|load|hub|url|path|file", re.I)
_PLACE = re.compile(r"[/\\:]")


@dataclass(frozen=True)
class Card:
    """The options that a model card may hold; paths in it are relative to its folder."""

    backend: str = ""
    arch: str = ""
    arch_args: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    calibration: str = ""
    evaluation: str = ""
    samples: int | None = None
    percentile: float | None = None
    metric: str = ""
    preprocess: str | dict[str, Any] = ""
    labels: str | tuple[str, ...] = ()
    budgets: dict[str, float] = field(default_factory=dict)
    scenario: str = ""


def with_card(source: object, given: Options) -> tuple[Options, dict[str, str]]:
    """The options with their gaps filled from the card, and what came from it, by key."""
    path = _card_of(source)
    if path is None:
        return given, {}
    card = _read(path)
    _refuse_code(card, path, given)
    taken: dict[str, Any] = {}
    for key in (f.name for f in fields(Card)):
        value = getattr(card, key)
        if value in ("", (), {}, None):
            continue
        if key == "budgets":
            # The caller's budgets come last and win; the card's others still hold.
            taken[key] = (*(f"{k}={v}" for k, v in value.items()), *given.budgets)
        elif getattr(given, key) in ("", (), {}, None):
            taken[key] = _anchored(key, value, path.parent)
    return replace(given, **taken), {k: _shown(v) for k, v in taken.items()}


def _card_of(source: object) -> Path | None:
    if not isinstance(source, str | Path) or is_name(source) or not Path(source).name:
        return None
    path = Path(source).with_suffix(".toml")
    # Not `Path.is_file`, which raises on names that no file can have.
    return path if os.path.isfile(path) and path != Path(source) else None


def _read(path: Path) -> Card:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the model card is not TOML: {error}", where=str(path), fix="mend or remove it"
        ) from error
    known = {f.name for f in fields(Card)}
    for key in table:
        if key not in known:
            raise UsageError(
                f"{key} is not an option of a model card", where=str(path), fix=nearest(key, known)
            )
    limits = [f.name for f in fields(Budgets) if f.name != "soft"]
    for key in table.get("budgets", {}):
        if key not in limits:
            where = f"{path}, [budgets]"
            raise UsageError(f"{key} is not a budget", where=where, fix=nearest(key, limits))
    try:
        return msgspec.convert(table, Card)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"the model card is wrong: {error}",
            where=str(path),
            fix="`mcompile inspect MODEL --write-card` writes one to compare with",
        ) from error


def _refuse_code(card: Card, path: Path, given: Options) -> None:
    if given.trust_code:
        sys.path.append(str(path.parent.resolve()))  # last: it hides no installed module
        return
    for key in ("calibration", "evaluation", "metric"):
        name = getattr(card, key)
        if is_name(name) and not getattr(given, key):
            raise UsageError(
                f"the model card wants to run {name} for {key}",
                where=str(path),
                fix=f"read that code, then --trust-code; or give --{key} yourself",
            )
    if card.arch and not given.arch:
        reason = _doubt(card)
        if reason:
            raise UsageError(
                f"the model card's arch {card.arch} {reason}",
                where=str(path),
                fix="read that code, then --trust-code; or give --arch yourself",
            )


def _doubt(card: Card) -> str:
    """Why calling the card's arch might do more than make a network; empty where it would not."""
    words = [card.arch.partition(":")[2], *(k for k, v in card.arch_args.items() if v)]
    fetching = next((w for w in words if _FETCHING.search(w)), "")
    if fetching:
        return f"may load files or download: {fetching}"
    places = [v for v in _strings(card.arch_args) if _PLACE.search(v)]
    if places:
        return f"is given a place to load from: {places[0]}"
    try:
        return "" if _is_network(resolve(card.arch)) else "is not declared to be a network"
    except UsageError as error:
        return f"is not among the installed packages: {error.what}"


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _strings(item)


def _is_network(made_by: Any) -> bool:
    """Whether it makes a network: a class of them, a constructor of one, or so annotated."""
    import torch

    owner = getattr(made_by, "__self__", None)
    kind = made_by if inspect.isclass(made_by) else owner if inspect.isclass(owner) else None
    if kind is None:
        try:
            kind = typing.get_type_hints(made_by).get("return")
        except Exception:  # an annotation that cannot be evaluated declares nothing
            return False
    return inspect.isclass(kind) and issubclass(kind, torch.nn.Module)


def _anchored(key: str, value: Any, folder: Path) -> Any:
    if key == "labels" and isinstance(value, str):
        return str(folder / value)
    if key in ("calibration", "evaluation") and not is_name(value):
        return str(folder / value)
    if key == "preprocess" and isinstance(value, str) and value.endswith(".toml"):
        return str(folder / value)
    return value


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
