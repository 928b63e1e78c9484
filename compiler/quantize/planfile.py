"""A quantization plan as JSON: one line a tensor, sorted by name, to be read, compared and edited.

    {
    "schema": 1,
    "tensors": {
    "a": {"dtype": "uint8", "zero_point": 128, "scale": 0.0235},
    "w": {"dtype": "int8", "axis": 0, "zero_point": 0, "scale": [0.01, 0.02]}
    },
    "left_float": {
    "y": "its output leaves the graph"
    }
    }

Scales are float32 in their shortest spelling, and come back bit for bit. A zero point that is the
same in every channel is written once. Where biases were corrected there is a third table,
`bias_shifts`, with what was added to each channel of the bias that goes into a value; where
weights are not simply rounded, `codes` names the archive beside the text that holds them. Where
the model was changed before it was planned, `changed` says how, and `scaled` which channels were
divided, one line a step, by divisors that the archive holds. A table that is not known is refused:
to skip it would be to build something else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import onnx_ir as ir

from mcompile.errors import UsageError
from mcompile.quantize import plancodes
from mcompile.quantize.plancodes import Beside
from mcompile.quantize.planfit import demand, refusal, without_float
from mcompile.quantize.plansteps import Step, lines, members, split
from mcompile.quantize.replay import replayed
from mcompile.types import Array, Program, QParams, QuantPlan, Scheme
from mcompile.wording import nearest

__all__ = ["CODES", "SCHEMA", "TEXT", "demand", "dump", "load", "read", "write"]

SCHEMA = 1
TEXT, CODES = "plan.json", "plan.npz"
_LIMITS = {
    "uint4": (0, 15),
    "int4": (-8, 7),
    "uint8": (0, 255),
    "int8": (-128, 127),
    "uint16": (0, 65535),
    "int16": (-32768, 32767),
    "int32": (-(2**31), 2**31 - 1),
}


class _Entry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    dtype: str
    axis: int | None = None
    zero_point: int | list[int]
    scale: float | list[float]


class _Version(msgspec.Struct):
    schema: int


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: int
    tensors: dict[str, _Entry]
    left_float: dict[str, str]
    bias_shifts: dict[str, list[float]] = {}
    codes: Beside | None = None
    changed: str = ""
    scaled: list[Step] = []


def write(plan: QuantPlan, folder: Path, changed: str = "") -> tuple[str, ...]:
    """Write `plan.json` into the folder, `plan.npz` beside it where it takes one; their names.

    `changed` is how the model was changed before it was planned, where the plan itself does not say
    by which steps: such a plan is to be read, and is not taken back.
    """
    (folder / TEXT).write_bytes(dump(plan, changed))
    held = members(plan)
    if not held:
        return (TEXT,)
    (folder / CODES).write_bytes(plancodes.pack(held))
    return TEXT, CODES


def dump(plan: QuantPlan, changed: str = "") -> bytes:
    """The plan as UTF-8 text, its codes by their hash alone; equal plans are equal bytes."""
    tensors = (_line(name, _entry(plan.tensors[name])) for name in sorted(plan.tensors))
    left = (_line(name, plan.left_float[name]) for name in sorted(plan.left_float))
    parts = [b'"schema": %d' % SCHEMA, _table("tensors", tensors), _table("left_float", left)]
    if plan.shifts:
        moved = {name: [_short(d) for d in np.asarray(s)] for name, s in plan.shifts.items()}
        parts.append(_table("bias_shifts", (_line(n, moved[n]) for n in sorted(moved))))
    if held := members(plan):
        digest = hashlib.sha256(plancodes.pack(held)).hexdigest()
        parts.append(_line("codes", Beside(CODES, digest)))
    if how := plan.changed.how if plan.changed else changed:
        parts.append(_line("changed", how))
    if plan.changed:
        steps = b",\n".join(_text(step) for step in lines(plan))
        parts.append(b'"scaled": [\n%s\n]' % steps)
    return b"{\n" + b",\n".join(parts) + b"\n}\n"


def read(path: Path, program: Program, scheme: Scheme | None = None) -> QuantPlan:
    """The plan in the file and the archive beside it, which fits the program, and the scheme.

    Raises `UsageError` where it does not, or where the archive is missing or another plan's.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            "the plan cannot be read",
            where=f"{path}: {error.strerror}",
            fix="name the plan.json of a build",
        ) from error
    found = load(data, str(path), path.parent)
    able, _ = replayed(program, {}, found.changed, where=str(path))
    found = without_float(found, able)
    demand(found, able, str(path), scheme)
    return found


def load(data: bytes, source: str = "the plan", folder: Path = Path()) -> QuantPlan:
    """The plan behind the text, and behind the archive that it names in `folder`.

    Raises `UsageError`, naming `source`, where it is none, or does not say how its model was
    changed.
    """
    held = _document(data, source)
    if held.changed and not held.scaled:
        raise refusal(
            f"this plan is of a model that was changed first: {held.changed}",
            source,
            "leave out --plan: the same model and data are changed and planned the same again",
        )
    made = {name: _params(name, entry, source) for name, entry in held.tensors.items()}
    beside = plancodes.unpack(held.codes, folder, source) if held.codes else {}
    codes, changed = split(beside, held.changed, held.scaled, source)
    return QuantPlan(made, held.left_float, _shifts(held, source), codes, changed)


def _shifts(held: _Document, source: str) -> dict[str, Array]:
    with np.errstate(over="ignore"):
        made = {
            n: np.asarray(numbers).astype(np.float32) for n, numbers in held.bias_shifts.items()
        }
    for name, shift in made.items():
        if not np.isfinite(shift).all():
            raise refusal(f"what is added to {name} is not finite", source)
    return made


def _document(data: bytes, source: str) -> _Document:
    try:
        version = msgspec.json.decode(data, type=_Version).schema
        if version != SCHEMA:
            raise UsageError(
                f"this plan is of schema {version}, and this version reads {SCHEMA}",
                where=source,
                fix="write it anew with the mcompile that is installed",
            )
        return msgspec.json.decode(data, type=_Document)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(
            "this is not a quantization plan",
            where=f"{source}: {error}",
            fix="start from the plan.json of a build, and change numbers only",
        ) from error


def _table(name: str, lines: Iterable[bytes]) -> bytes:
    held = b",\n".join(lines)
    return b'"%s": {\n%s\n}' % (name.encode(), held) if held else b'"%s": {}' % name.encode()


def _line(name: str, held: object) -> bytes:
    return msgspec.json.encode(name) + b": " + _text(held)


def _text(held: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(held), indent=0)


def _entry(params: QParams) -> _Entry:
    scale = np.asarray(params.scale)
    points = [int(z) for z in np.asarray(params.zero_point).reshape(-1)]
    return _Entry(
        dtype=params.dtype,
        axis=params.axis,
        zero_point=points[0] if len({*points}) == 1 else points,
        scale=[_short(s) for s in scale] if scale.ndim else _short(scale),
    )


def _short(scale: Array) -> float:
    """The double whose shortest spelling is that of the float32."""
    single = np.float32(scale)
    short = float(str(single))
    return short if np.float32(short) == single else float(single)


def _params(name: str, entry: _Entry, source: str) -> QParams:
    if entry.dtype not in _LIMITS:
        where = f"{source}, {name}"
        raise refusal(f"{entry.dtype} is no type of integers", where, nearest(entry.dtype, _LIMITS))
    with np.errstate(over="ignore"):
        scale = np.asarray(entry.scale, np.float64).astype(np.float32)
    zero = np.asarray(entry.zero_point, np.float64)  # the integers of a text have no bounds
    low, high = _LIMITS[entry.dtype]
    if not scale.size or not np.isfinite(scale).all() or not (scale > 0).all():
        raise refusal(f"a scale of {name} is not a positive number", source)
    if zero.size and not (low <= zero.min() and zero.max() <= high):
        raise refusal(f"a zero point of {name} is outside of {low}..{high}", source)
    if (entry.axis is None) != (scale.ndim == 0):
        raise refusal(f"{name} has an axis without a scale a channel, or the reverse", source)
    if zero.ndim and zero.shape != scale.shape:
        raise refusal(f"{name} has {zero.size} zero points and {scale.size} scales", source)
    dtype = ir.DataType[entry.dtype.upper()].numpy()
    spread = np.broadcast_to(zero, scale.shape).astype(dtype)
    return QParams(scale, spread, entry.dtype, entry.axis)
