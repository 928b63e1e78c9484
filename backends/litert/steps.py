"""Writes the operators that one node takes, one behind another, in types that have a kernel.

Kernels of whole numbers exist for int32 and int64 alone: narrower ones are widened before and
narrowed behind. An operator without a kernel for the type is a refusal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.walk import Walk
from mcompile.errors import LoweringError

_OPTIONS = {
    "ABS": "AbsOptions", "ADD": "AddOptions", "CAST": "CastOptions", "COS": "CosOptions",
    "CUMSUM": "CumsumOptions", "DIV": "DivOptions", "EQUAL": "EqualOptions", "EXP": "ExpOptions",
    "FLOOR_DIV": "FloorDivOptions", "FLOOR_MOD": "FloorModOptions", "GELU": "GeluOptions",
    "GREATER": "GreaterOptions", "GREATER_EQUAL": "GreaterEqualOptions",
    "HARD_SWISH": "HardSwishOptions", "L2_NORMALIZATION": "L2NormOptions",
    "LEAKY_RELU": "LeakyReluOptions", "LESS": "LessOptions", "LESS_EQUAL": "LessEqualOptions",
    "LOCAL_RESPONSE_NORMALIZATION": "LocalResponseNormalizationOptions",
    "LOGICAL_AND": "LogicalAndOptions", "LOGICAL_NOT": "LogicalNotOptions",
    "LOGICAL_OR": "LogicalOrOptions", "LOG_SOFTMAX": "LogSoftmaxOptions",
    "MAXIMUM": "MaximumMinimumOptions", "MINIMUM": "MaximumMinimumOptions", "MUL": "MulOptions",
    "NEG": "NegOptions", "NOT_EQUAL": "NotEqualOptions", "POW": "PowOptions",
    "RIGHT_SHIFT": "RightShiftOptions", "BITWISE_XOR": "BitwiseXorOptions",
    "SELECT_V2": "SelectV2Options", "SIGN": "SignOptions", "SOFTMAX": "SoftmaxOptions",
    "SQUARE": "SquareOptions", "SQUARED_DIFFERENCE": "SquaredDifferenceOptions",
    "SUB": "SubOptions",
}  # fmt: skip

_WHOLE = ("float32", "int32", "int64")
_TYPES = {
    "ABS": ("float32", "int32"), "ADD": _WHOLE, "DIV": ("float32", "int32"),
    "EQUAL": (*_WHOLE, "bool"), "FLOOR_DIV": ("float32", "int32"), "FLOOR_MOD": _WHOLE,
    "GREATER": _WHOLE, "GREATER_EQUAL": _WHOLE, "LESS": _WHOLE, "LESS_EQUAL": _WHOLE,
    "BITWISE_XOR": ("int8", "int16", "int32", "uint8", "uint32"), "CUMSUM": _WHOLE,
    "RIGHT_SHIFT": ("int32", "uint8", "uint32"), "LOGICAL_AND": ("bool",),
    "LOGICAL_NOT": ("bool",), "LOGICAL_OR": ("bool",), "MAXIMUM": _WHOLE, "MINIMUM": _WHOLE,
    "MEAN": _WHOLE, "MUL": _WHOLE, "NEG": _WHOLE, "NOT_EQUAL": (*_WHOLE, "bool"),
    "POW": ("float32", "int32"), "REDUCE_ALL": ("bool",), "REDUCE_ANY": ("bool",),
    "REDUCE_MAX": _WHOLE, "REDUCE_MIN": _WHOLE, "REDUCE_PROD": _WHOLE,
    "SIGN": ("float32", "float64", "int32"), "SQUARED_DIFFERENCE": ("float32", "int32"),
    "SUB": _WHOLE, "SUM": _WHOLE, "TOPK_V2": _WHOLE,
}  # fmt: skip
"""What each kernel reads; float32 alone where nothing is said."""

_ANY = {"CAST", "SELECT_V2", "RESHAPE", "TRANSPOSE"}
_WIDER = {"int8": "int32", "uint8": "int32", "int16": "int32", "uint16": "int32", "uint32": "int64"}
_TRUTHS = {"EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL"}
_MOST_AXES = 6
"""XNNPACK reduces no tensor of more, and aborts the run where it is asked to."""


class Steps:
    """Emits operators for the node at hand. Numbers among the operands become constants."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def __call__(
        self,
        kind: str,
        *given: Tensor | float,
        out: Tensor | None = None,
        dtype: str = "",
        **fields: object,
    ) -> Tensor:
        """What the operator makes of operands that broadcast; written into `out` where given."""
        first = next(t for t in given if isinstance(t, Tensor))
        own = self._type(kind, first)
        tensors = [self._operand(g, first, own) for g in given]
        made_of = "bool" if kind in _TRUTHS else dtype or own
        shape = np.broadcast_shapes(*(t.shape for t in tensors))
        narrow = "" if kind in _TRUTHS or own == first.dtype or dtype else first.dtype
        return self._emit(kind, tensors, (shape, made_of, narrow), out, fields)

    def reduce(
        self, kind: str, source: Tensor, axes: Sequence[int], out: Tensor | None = None
    ) -> Tensor:
        """What is left of axes of memory, each kept with a size of 1 unless `out` leaves them out.

        Axes that lie together are seen as one where there are more than the runtime reduces.
        """
        own = self._type(kind, source)
        wide, shape = self.cast(source, own), list(source.shape)
        for axis in axes:
            shape[axis] = 1
        if len(source.shape) > _MOST_AXES:
            wide, axes = self._merged(wide, axes)
            flat = [1 if a in axes else n for a, n in enumerate(wide.shape)]
            made = self._tensor(flat, own)
        else:
            narrow = own != source.dtype
            made = out if out is not None and not narrow else self._tensor(shape, own)
        kept = len(made.shape) == len(wide.shape)
        where = self._walk.draft.constant("axes", np.array(sorted(axes), np.int32))
        self._walk.draft.emit(kind, [wide, where], [made], "ReducerOptions", keepDims=kept)
        if made is out:
            return made
        made = self.shaped(
            made, shape if out is None else out.shape, None if own != source.dtype else out
        )
        return self.cast(made, source.dtype, out)

    def cast(self, source: Tensor, dtype: str, out: Tensor | None = None) -> Tensor:
        """The same numbers in another type; the tensor itself where it has that type."""
        if source is out or (source.dtype == dtype and out is None):
            return source
        made = self._tensor(source.shape, dtype) if out is None else out
        self._walk.draft.emit("CAST", [source], [made], "CastOptions")
        return made

    def shaped(self, source: Tensor, shape: Sequence[int], out: Tensor | None = None) -> Tensor:
        """The same memory in another shape."""
        if out is None and tuple(shape) == source.shape:
            return source
        made = self._walk.scratch(source, shape) if out is None else out
        self._walk.draft.reshape(source, made)
        return made

    def number(self, value: object, dtype: str) -> Tensor:
        """A constant of one number, or an array of them."""
        return self._walk.draft.constant("number", np.asarray(value, dtype))

    def _emit(
        self,
        kind: str,
        tensors: Sequence[Tensor],
        made_of: tuple[Sequence[int], str, str],
        out: Tensor | None,
        fields: dict[str, object],
    ) -> Tensor:
        shape, dtype, narrow = made_of
        made = out if out is not None and not narrow else self._tensor(shape, dtype)
        self._walk.draft.emit(kind, tensors, [made], _OPTIONS.get(kind, ""), **fields)
        return self.cast(made, narrow, out) if narrow else made

    def _type(self, kind: str, first: Tensor) -> str:
        """The type in which the kernel computes on the tensor's numbers."""
        if kind in _ANY or first.quant is not None:
            return first.dtype
        known = _TYPES.get(kind, ("float32",))
        found = first.dtype if first.dtype in known else _WIDER.get(first.dtype, first.dtype)
        if found == "int32" and found not in known and "int64" in known:
            found = "int64"
        if found not in known:
            raise self.no_kernel(kind, first.dtype)
        return found

    def no_kernel(self, kind: str, dtype: str) -> LoweringError:
        """The error that says that an operator does not compute on a type."""
        has = ", ".join(_TYPES.get(kind, ("float32",)))
        return self._walk.place.refused(f"LiteRT's {kind} does not compute on {dtype}",
                                        f"a Cast in front of it, to one of {has}")  # fmt: skip

    def _operand(self, given: Tensor | float, first: Tensor, own: str) -> Tensor:
        if not isinstance(given, Tensor):
            return self.number(given, own)
        return self.cast(given, own) if given.dtype == first.dtype != own else given

    def _tensor(self, shape: Sequence[int], dtype: str) -> Tensor:
        draft = self._walk.draft
        name = self._walk.place.node.outputs[0].name or self._walk.place.node.op_type
        return draft.tensor(f"{name}.step", shape, dtype)

    def _merged(self, source: Tensor, axes: Sequence[int]) -> tuple[Tensor, list[int]]:
        runs: list[list[int]] = []
        for axis in range(len(source.shape)):
            if runs and (axis in axes) == (runs[-1][-1] in axes):
                runs[-1].append(axis)
            else:
                runs.append([axis])
        shape = [math.prod(source.shape[a] for a in run) for run in runs]
        if len(runs) > _MOST_AXES:
            raise self._walk.place.refused("it reduces more separate axes than LiteRT can")
        return self.shaped(source, shape), [k for k, run in enumerate(runs) if run[0] in axes]
