"""What a build was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from mcompile.errors import UsageError
from mcompile.wording import nearest

_LISTS = ("inputs", "budgets", "skip", "keep_float")


@dataclass(frozen=True)
class Options:
    """Every choice of a build but its model; an empty one is left to the card or the default."""

    target: str = ""
    precision: str = ""
    backend: str = ""
    strict: bool = False
    arch: str = ""
    arch_args: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    calibration: Any = None
    samples: int | None = None
    percentile: float | None = None
    keep_float: tuple[str, ...] = ()
    ranges: str = ""
    plan: str = ""
    thorough: float | None = None
    evaluation: Any = None
    metric: Any = ""
    preprocess: Any = None
    labels: Any = ()
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


def absent(value: object) -> bool:
    """Whether an option was left out; samples may be arrays, which cannot be compared."""
    return value is None or (isinstance(value, str) and not value)


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
