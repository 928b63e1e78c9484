"""The file as it grows: its tensors, its constants, its operators in the order they run."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcompile.errors import LoweringError
from mcompile.types import Array

TYPES = {
    "float32": "FLOAT32", "float16": "FLOAT16", "float64": "FLOAT64", "bool": "BOOL",
    "int4": "INT4", "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64",
    "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64",
}  # fmt: skip
"""What the schema calls the types that a tensor may have."""

_MOST_SAID = 8
"""Axes that the options of a RESHAPE have room for; its operand, which is what counts, has more."""

FREE = -1
"""In a signature: a size that the caller may change before the model runs."""


@dataclass(frozen=True)
class Quant:
    """real = scale * (code - zero_point); one of each, or one for every entry along `axis`."""

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int = 0


@dataclass(eq=False)
class Tensor:
    """A tensor of the file. `shape` is as it lies in memory, `data` what a constant holds.

    `dtype` is numpy's name. A `variable` keeps what it holds from one run to the next.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    quant: Quant | None = None
    data: Array | None = None
    variable: bool = False


@dataclass(frozen=True, eq=False)
class Op:
    """An operator: a builtin's name, its tensors (None where one is left out), its options.

    `origin` names the node that it was written for.
    """

    kind: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    intermediates: tuple[Tensor, ...] = ()
    origin: str = ""


class Draft:
    """One subgraph. Tensors get names that no other has; equal constants are one tensor.

    `stand_in` is a number that stands for the size which the caller may change, 0 without one. It
    divides no other size, so a multiple of it in a shape is a multiple of that size. `extents` are
    the tensors, int32[1], in which the file has such multiples.
    """

    def __init__(self, stand_in: int = 0) -> None:
        self.stand_in = stand_in
        self.tensors: list[Tensor] = []
        self.ops: list[Op] = []
        self.origin = ""
        self.extents: dict[int, Tensor] = {}
        self._names: set[str] = set()
        self._numbers: dict[str, int] = {}
        self._constants: dict[tuple[object, ...], list[Tensor]] = {}

    def tensor(
        self,
        name: str,
        shape: Iterable[int],
        dtype: str,
        quant: Quant | None = None,
        **more: Any,
    ) -> Tensor:
        """A new tensor; a name that is taken gets a number behind it."""
        if dtype not in TYPES:
            raise LoweringError(
                f"LiteRT holds no {dtype}", where=self.origin or name, fix="numbers of 32 bits"
            )
        made = Tensor(len(self.tensors), self._free(name), tuple(shape), dtype, quant, **more)
        self.tensors.append(made)
        return made

    def constant(self, name: str, data: Array, quant: Quant | None = None) -> Tensor:
        """A tensor that holds `data`, which the file keeps once however often it is asked for."""
        data = np.asarray(data, order="C")
        key = (zlib.crc32(_bytes(data).data), data.shape, data.dtype, quant)
        for found in self._constants.setdefault(key, []):
            if found.data is data or np.array_equal(_bytes(found.data), _bytes(data)):
                return found
        made = self.tensor(name, data.shape, str(data.dtype), quant, data=data)
        self._constants[key].append(made)
        return made

    def emit(
        self,
        kind: str,
        inputs: Sequence[Tensor | None],
        outputs: Sequence[Tensor],
        options: str = "",
        **fields: Any,
    ) -> None:
        """Append an operator; `options` is the schema's table for it, `fields` what it says."""
        self.ops.append(Op(kind, tuple(inputs), tuple(outputs), options, fields, (), self.origin))

    def reshape(self, source: Tensor, made: Tensor) -> None:
        """Append a RESHAPE; the size that the caller may change is left to the runtime."""
        shape = [FREE if self.is_free(d) else d for d in made.shape]
        target = self.constant("shape", np.array(shape, np.int32))
        said = {"newShape": shape} if len(shape) <= _MOST_SAID else {}
        self.emit("RESHAPE", [source, target], [made], "ReshapeOptions", **said)

    def prune(self, kept: Iterable[Tensor]) -> None:
        """Drop the operators that nothing of what is kept is made of."""
        read = {t.index for t in kept}
        ops: list[Op] = []
        for op in reversed(self.ops):
            if any(t.index in read for t in op.outputs):
                read |= {t.index for t in op.inputs if t is not None}
                ops.append(op)
        self.ops = ops[::-1]

    def is_free(self, size: int) -> bool:
        """Whether a size of a tensor hangs on what the caller chooses."""
        return bool(self.stand_in) and size > 0 and size % self.stand_in == 0

    def rename(self, tensor: Tensor, name: str) -> None:
        """Give a tensor a name of the program's interface; whoever has it now gets another."""
        for other in self.tensors:
            if other.name == name and other is not tensor:
                self._names.discard(name)
                other.name = self._free(f"{name}.inner")
        self._names.discard(tensor.name)
        self._names.add(name)
        tensor.name = name

    def _free(self, name: str) -> str:
        found, number = name, self._numbers.get(name, 0)
        while found in self._names:
            number += 1
            found = f"{name}_{number}"
        self._names.add(found)
        self._numbers[name] = number
        return found


def _bytes(data: Array | None) -> Array:
    """The bytes of an array, so that NaN equals itself and -0 is not 0."""
    return np.asarray(data).reshape(-1).view(np.uint8)
