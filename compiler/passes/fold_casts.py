"""Two Casts in a row become one, or none, where the type between them loses nothing.

    Cast<C>(Cast<B>(x: A))  ->  Cast<C>(x)     where every A is a B
                            ->  x              where C is A besides

A float holds every float of fewer bits, and every integer its mantissa has room for; an integer
every integer of a range within its own. Booleans fit everywhere. Where B is narrower than A the
first Cast rounds, or wraps around, and both stay; as they do where a float leads from an integer to
a type it may not fit, because what that gives is left to the runtime.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.rules import Phase, Rule, Skip


@dataclass(frozen=True)
class Direct:
    """The second Cast, what the first one reads, and whether that is of the type asked for."""

    node: ir.Node
    source: ir.Value
    same: bool


class FoldCasts(Rule[Direct]):
    root = "Cast"
    phase = Phase.FOLD

    def match(self, node: ir.Node) -> Direct | Skip | None:
        between = node.inputs[0]
        first = between.producer() if between is not None else None
        if first is None or first.op_type != "Cast" or first.domain not in {"", "ai.onnx"}:
            return None
        source = first.inputs[0]
        if source is None or source.dtype is None:
            return Skip("the type that is cast is not known")
        last, middle = (ir.DataType(graph.integer(n, "to", 0)) for n in (node, first))
        if not _holds(middle, source.dtype):
            return Skip(f"{middle.name} does not hold every {source.dtype.name}")
        if middle.name in _FLOATS and source.dtype.is_integer() and not _holds(last, source.dtype):
            return Skip(f"{last.name} does not hold every {source.dtype.name}")
        same = last == source.dtype
        reason = graph.hindrance(node.outputs[0], source) if same else ""
        return Skip(reason) if reason else Direct(node, source, same)

    def rewrite(self, found: Direct) -> None:
        if found.same:
            graph.replace(found.node.outputs[0], found.source)
        else:
            found.node.replace_input_with(0, found.source)


_FLOATS = {"FLOAT16": (11, 16), "BFLOAT16": (8, 128), "FLOAT": (24, 128), "DOUBLE": (53, 1024)}
"""Bits of the significand and the largest exponent of each."""


def _holds(wide: ir.DataType, narrow: ir.DataType) -> bool:
    """Whether every number of one type is one of the other."""
    if wide == narrow:
        return True
    if narrow == ir.DataType.BOOL:
        return wide.name in _FLOATS or wide.is_integer()
    if narrow.name in _FLOATS:
        pairs = zip(_FLOATS.get(wide.name, (0, 0)), _FLOATS[narrow.name], strict=True)
        return all(a >= b for a, b in pairs)
    low, high = _range(narrow)
    floor, ceiling = _range(wide)
    return low < high and floor <= low and high <= ceiling


def _range(kind: ir.DataType) -> tuple[int, int]:
    """The integers that the type holds without a gap; none for types of less than a byte."""
    if kind.name in _FLOATS:
        limit = 1 << _FLOATS[kind.name][0]
        return -limit, limit
    if not kind.is_integer() or kind.bitwidth < 8:
        return 0, 0
    limits = np.iinfo(kind.numpy())
    return int(limits.min), int(limits.max)
