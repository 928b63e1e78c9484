"""A walk through the layers in a file: one that was killed goes on after the last layer it saved.

An `.npz` without pickles: `head`, a JSON text with the hash of what the walk was made from and the
layers that it is through with, and an array for each shift and each weight's codes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import msgspec
import numpy as np

from mcompile.errors import UsageError
from mcompile.quantize.identity import identities, of_model
from mcompile.quantize.stored import DAMAGED
from mcompile.types import Array, Feeds, Program, QuantPlan, Scheme

_SCHEMA = 1


@dataclass
class Known:
    """What is found so far: shifts by the value, codes by the weight, the layers it is through."""

    shifts: dict[str, Array] = field(default_factory=dict)
    codes: dict[str, Array] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    def over(self, plan: QuantPlan) -> QuantPlan:
        """The plan with all that: what it shifts already is shifted on."""
        moved = {n: s + plan.shifts[n] if n in plan.shifts else s for n, s in self.shifts.items()}
        return replace(plan, shifts={**plan.shifts, **moved}, codes={**plan.codes, **self.codes})


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    schema: int
    key: str
    done: list[str]
    shifts: list[str]
    codes: list[str]


def key_of(
    source: Program, plan: QuantPlan, scheme: Scheme, feeds: Sequence[Feeds], how: str
) -> str:
    """The SHA-256, in hex, of all that a walk is made from; `how` says what is particular to it."""
    names = identities(source)
    made = hashlib.sha256(f"{of_model(source, names)}{how}".encode())
    for field_of in fields(scheme):
        held = getattr(scheme, field_of.name)
        told = sorted(held.items()) if isinstance(held, Mapping) else held
        made.update(repr(sorted(held) if isinstance(held, frozenset) else told).encode())
    for name in sorted(plan.tensors):
        params = plan.tensors[name]
        made.update(f"{names.get(name)}:{params.dtype}:{params.axis}".encode())
        made.update(np.ascontiguousarray(params.scale, np.float32).tobytes())
        made.update(np.ascontiguousarray(params.zero_point, np.int64).tobytes())
    made.update(repr(sorted(plan.left_float)).encode())
    for each in feeds:
        for name in sorted(each):
            made.update(f"{name}:{each[name].dtype}:{each[name].shape}".encode())
            made.update(np.ascontiguousarray(each[name]).tobytes())
    return made.hexdigest()


def save(path: Path, key: str, known: Known) -> None:
    """Replace the file by one that holds what is known.

    Raises `UsageError` where it cannot be written.
    """
    shifts, codes = list(known.shifts), list(known.codes)
    head = msgspec.json.encode(_Head(_SCHEMA, key, known.done, shifts, codes))
    arrays = {f"shift{k}": known.shifts[name] for k, name in enumerate(shifts)}
    arrays |= {f"codes{k}": known.codes[name] for k, name in enumerate(codes)}
    write: Callable[..., None] = np.savez
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            write(file, head=np.frombuffer(head, np.uint8), **arrays)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise UsageError(
            "the layers that are done cannot be saved",
            where=f"{path}: {error.strerror}",
            fix="name a file in a folder that exists and can be written to",
        ) from error
    finally:
        with suppress(OSError):
            beside.unlink()


def load(path: Path, key: str) -> Known:
    """What the file holds, nothing where there is no file.

    Raises `UsageError` for a file that is damaged, or that was made from something else.
    """
    if not path.exists():
        return Known()
    try:
        with np.load(path, allow_pickle=False) as held:
            head = msgspec.json.decode(held["head"].tobytes(), type=_Head)
            shifts = {name: held[f"shift{k}"] for k, name in enumerate(head.shifts)}
            codes = {name: held[f"codes{k}"] for k, name in enumerate(head.codes)}
    except DAMAGED as error:
        raise _refusal("this file of layers is damaged", path) from error
    if (head.schema, head.key) != (_SCHEMA, key):
        raise _refusal("these layers are those of another model, plan or samples", path)
    return Known(shifts, codes, head.done)


def _refusal(what: str, path: Path) -> UsageError:
    return UsageError(
        what,
        where=str(path),
        fix="name another file, or delete this one and the layers are done anew",
    )
