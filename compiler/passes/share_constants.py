"""Two constants of the same type, shape and bytes become one.

    Add(x, a), Mul(z, b)  with  a = b   ->   Add(x, a), Mul(z, a)

Of twins the one whose name comes first stays, so that the outcome does not depend on who is seen
first. Constants are told apart by type and shape, then by a sample of their bytes, and compared
whole only where the samples agree: a model of any size is read once at most, in place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.rules import ANY, Phase, Rule
from mcompile.types import Array, Program

_CHUNK = 1 << 20
_PIECE = 64


@dataclass(frozen=True)
class Twins:
    """Equal constants: the one that stays, and the one whose readers move over."""

    kept: ir.Value
    dropped: ir.Value


class ShareConstants(Rule[Twins]):
    root = ANY
    phase = Phase.CLEAN

    def start(self, program: Program) -> None:
        super().start(program)
        self._kind: dict[ir.Value, Hashable] = {}
        self._seen: dict[Hashable, list[ir.Value]] = defaultdict(list)

    def match(self, node: ir.Node) -> Twins | None:
        for value in node.inputs:
            if value is not None and _shareable(value) and (twin := self._twin(value)):
                kept, dropped = sorted((value, twin), key=_precedence)
                if not dropped.is_graph_output():
                    return Twins(kept, dropped)
        return None

    def rewrite(self, found: Twins) -> None:
        graph.replace(found.dropped, found.kept)

    def _twin(self, value: ir.Value) -> ir.Value | None:
        """A constant seen before, still in use, that equals this one."""
        if value not in self._kind:
            self._kind[value] = (id(value.graph), value.dtype, _shape(value), _sample(value))
            self._seen[self._kind[value]].append(value)
        others = self._seen[self._kind[value]]
        others[:] = [v for v in others if v.is_initializer() and v.uses()]
        return next((v for v in others if v is not value and _equal(v, value)), None)


def _shareable(value: ir.Value) -> bool:
    constant = graph.is_constant(value) and value.is_initializer()
    return constant and value.dtype != ir.DataType.STRING


def _precedence(value: ir.Value) -> tuple[bool, str]:
    return not value.is_graph_output(), graph.name_of(value)


def _shape(value: ir.Value) -> tuple[int, ...]:
    return tuple(value.const_value.shape.numpy()) if value.const_value is not None else ()


def _bytes(value: ir.Value) -> Array:
    """The constant's memory as bytes, not copied."""
    data = graph.array(value)
    flat = np.ascontiguousarray(data).reshape(-1)
    return flat.view(np.uint8) if flat.size else np.empty(0, np.uint8)


def _sample(value: ir.Value) -> bytes:
    data = _bytes(value)
    starts = np.linspace(0, max(data.size - _PIECE, 0), _PIECE, dtype=np.int64)
    return b"".join(data[s : s + _PIECE].tobytes() for s in dict.fromkeys(starts.tolist()))


def _equal(one: ir.Value, other: ir.Value) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(_chunks(one), _chunks(other), strict=True))


def _chunks(value: ir.Value) -> Iterator[Array]:
    data = _bytes(value)
    return (data[start : start + _CHUNK] for start in range(0, data.size, _CHUNK))
