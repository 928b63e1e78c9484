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
`bias_shifts`, with what was added to each channel of the bias that goes into a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import onnx_ir as ir

from mcompile.errors import UsageError
from mcompile.graph import name_of, values
from mcompile.types import Array, Program, QParams, QuantPlan
from mcompile.wording import nearest

SCHEMA = 1
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


def dump(plan: QuantPlan) -> bytes:
    """The plan as UTF-8 text; equal plans are equal bytes."""
    tensors = (_line(name, _entry(plan.tensors[name])) for name in sorted(plan.tensors))
    left = (_line(name, plan.left_float[name]) for name in sorted(plan.left_float))
    parts = [b'"schema": %d' % SCHEMA, _table("tensors", tensors), _table("left_float", left)]
    if plan.shifts:
        moved = {name: [_short(d) for d in np.asarray(s)] for name, s in plan.shifts.items()}
        parts.append(_table("bias_shifts", (_line(n, moved[n]) for n in sorted(moved))))
    return b"{\n" + b",\n".join(parts) + b"\n}\n"


def read(path: Path, program: Program) -> QuantPlan:
    """The plan in the file, which fits the program; raises `UsageError` where it does not."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            "the plan cannot be read",
            where=f"{path}: {error.strerror}",
            fix="name the plan.json of a build",
        ) from error
    found = load(data, str(path))
    demand(found, program, str(path))
    return found


def load(data: bytes, source: str = "the plan") -> QuantPlan:
    """The plan behind the text; raises `UsageError`, naming `source`, where it is none."""
    held = _document(data, source)
    made = {name: _params(name, entry, source) for name, entry in held.tensors.items()}
    return QuantPlan(made, held.left_float, _shifts(held, source))


def _shifts(held: _Document, source: str) -> dict[str, Array]:
    with np.errstate(over="ignore"):
        made = {
            n: np.asarray(numbers).astype(np.float32) for n, numbers in held.bias_shifts.items()
        }
    for name, shift in made.items():
        if not np.isfinite(shift).all():
            raise _refusal(f"what is added to {name} is not finite", source)
    return made


def demand(plan: QuantPlan, program: Program, source: str = "the plan") -> None:
    """Return when the plan speaks of tensors of this program alone, and fits their shapes.

    Raises `UsageError` with the nearest name for a tensor that the program does not have.
    """
    known = {name_of(v): v for v in values(program.graph.graph) if v.name}
    for name in (*plan.tensors, *plan.left_float, *plan.shifts):
        if name not in known:
            raise _no_tensor(name, known, program, source)
    for name, shift in plan.shifts.items():
        _demand_shift(known[name], shift, source)
    for name, params in plan.tensors.items():
        shape = known[name].shape
        if params.axis is None or shape is None:
            continue
        if not -shape.rank() <= params.axis < shape.rank():
            raise _refusal(f"{name} has {shape.rank()} axes, and no axis {params.axis}", source)
        size = shape[params.axis]
        if isinstance(size, int) and size != params.scale.size:
            raise _refusal(f"{name} has {size} channels and {params.scale.size} scales", source)


def _demand_shift(value: ir.Value, shift: Array, source: str) -> None:
    """Channels are the second axis of a convolution's output, the last of any other's."""
    sizes = (
        [value.shape[axis] for axis in (1, -1)] if value.shape and value.shape.rank() > 1 else []
    )
    if all(isinstance(size, int) for size in sizes) and sizes and shift.size not in sizes:
        raise _refusal(f"{shift.size} numbers are added to the channels of {value.name}", source)


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


def _no_tensor(name: str, known: Iterable[str], program: Program, source: str) -> UsageError:
    near = nearest(name, known)
    near = near if len(near) <= 200 else "a plan that was written for this model and target"
    return UsageError(f"{program.name} has no tensor {name}", where=f"{source}, {name}", fix=near)


def _refusal(what: str, source: str, fix: str = "the numbers that the build wrote") -> UsageError:
    return UsageError(what, where=source, fix=fix)


def _table(name: str, lines: Iterable[bytes]) -> bytes:
    held = b",\n".join(lines)
    return b'"%s": {\n%s\n}' % (name.encode(), held) if held else b'"%s": {}' % name.encode()


def _line(name: str, held: object) -> bytes:
    text = msgspec.json.format(msgspec.json.encode(held), indent=0)
    return msgspec.json.encode(name) + b": " + text


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
        raise _refusal(
            f"{entry.dtype} is no type of integers", where, nearest(entry.dtype, _LIMITS)
        )
    with np.errstate(over="ignore"):
        scale = np.asarray(entry.scale, np.float64).astype(np.float32)
    zero = np.asarray(entry.zero_point, np.float64)  # the integers of a text have no bounds
    low, high = _LIMITS[entry.dtype]
    if not scale.size or not np.isfinite(scale).all() or not (scale > 0).all():
        raise _refusal(f"a scale of {name} is not a positive number", source)
    if zero.size and not (low <= zero.min() and zero.max() <= high):
        raise _refusal(f"a zero point of {name} is outside of {low}..{high}", source)
    if (entry.axis is None) != (scale.ndim == 0):
        raise _refusal(f"{name} has an axis without a scale a channel, or the reverse", source)
    if zero.ndim and zero.shape != scale.shape:
        raise _refusal(f"{name} has {zero.size} zero points and {scale.size} scales", source)
    dtype = ir.DataType[entry.dtype.upper()].numpy()
    spread = np.broadcast_to(zero, scale.shape).astype(dtype)
    return QParams(scale, spread, entry.dtype, entry.axis)
