"""What a build was asked for: by the caller first, by the model card beside the model second.

A card is data that may have come with the model, from anyone. It may name an architecture that is
plainly a network (a subclass of `nn.Module`, or a function annotated to return one) and files;
whatever else it names in Python is called only with `trust_code`.
"""

from __future__ import annotations

import inspect
import os
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import msgspec

from mcompile.errors import UsageError
from mcompile.names import is_name, resolve
from mcompile.wording import nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_LISTS = ("inputs", "budgets", "skip")


@dataclass(frozen=True)
class Options:
    """Every choice of a build but its model; an empty one is left to the card or the default."""

    target: str = ""
    precision: str = ""
    strict: bool = False
    arch: str = ""
    arch_args: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    calibration: Any = None
    samples: int | None = None
    percentile: float | None = None
    evaluation: Any = None
    metric: str = ""
    preprocess: Any = None
    budgets: tuple[str, ...] = ()
    scenario: str = ""
    require_measured: bool = False
    skip: tuple[str, ...] = ()
    trust_code: bool = False
    seed: int = 0
    threads: int | None = None
    batch: int = 1
    runs: int = 200
    seconds: float = 20.0
    out: str = ""


@dataclass(frozen=True)
class Card:
    """The options that a model card may hold; paths in it are relative to its folder."""

    arch: str = ""
    arch_args: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    calibration: str = ""
    evaluation: str = ""
    samples: int | None = None
    percentile: float | None = None
    metric: str = ""
    preprocess: str | dict[str, Any] = ""
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
        sys.path.insert(0, str(path.parent.resolve()))
        return
    for key in ("calibration", "evaluation", "metric"):
        name = getattr(card, key)
        if is_name(name) and not getattr(given, key):
            raise UsageError(
                f"the model card wants to run {name} for {key}",
                where=str(path),
                fix=f"read that code, then --trust-code; or give --{key} yourself",
            )
    if card.arch and not given.arch and not _is_network(resolve(card.arch)):
        raise UsageError(
            f"the model card's arch {card.arch} is not declared to be a network",
            where=str(path),
            fix="read that code, then --trust-code; or give --arch yourself",
        )


def _is_network(made_by: Any) -> bool:
    """Whether calling it can only make a network: by its class, or by its annotation."""
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
    if key in ("calibration", "evaluation") and not is_name(value):
        return str(folder / value)
    if key == "preprocess" and isinstance(value, str) and value.endswith(".toml"):
        return str(folder / value)
    return value


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def of(given: Mapping[str, Any]) -> Options:
    """The options behind keyword arguments; raises `UsageError` for one that does not exist."""
    known = {f.name for f in fields(Options)}
    for key in given:
        if key not in known:
            raise UsageError(
                f"{key} is not an option of a build", where="build(...)", fix=nearest(key, known)
            )
    options: dict[str, Any] = {k: _listed(v) if k in _LISTS else v for k, v in given.items()}
    return Options(**options)


def _listed(value: Any) -> tuple[str, ...]:
    """Several words from a list of them, from one alone, or from a table of keys and values."""
    if isinstance(value, Mapping):
        return tuple(f"{k}={v}" for k, v in value.items())
    return (value,) if isinstance(value, str) else tuple(value)
