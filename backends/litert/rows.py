"""Writes the nodes that stand in for another, and what several of those need of rows of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.graph import constant, fresh
from mcompile.types import Array

LONGEST_UNIT = 256
"""Numbers of a row up to which its unit vector is finer in 8 bits than its inverse deviation."""
_AXES_AS_INPUT = {"ReduceMean": 18, "ReduceSum": 13}
"""The operator set since which an op reads its axes."""


class Spelling:
    """Writes nodes in front of another; numbers among their inputs become constants."""

    def __init__(self, body: ir.Graph, node: ir.Node) -> None:
        self._body, self._node = body, node
        self.opset = body.opset_imports.get("", 0)
        self._stem = node.outputs[0].name or node.name or node.op_type

    def __call__(self, op: str, *given: ir.Value | Array | float, **attributes: Any) -> ir.Value:
        """The first output of a new node."""
        return self._made(op, given, attributes, 1)[0]

    def split(self, x: ir.Value, count: int, size: int, axis: int) -> list[ir.Value]:
        """So many pieces of one size along an axis, from operator set 13 on."""
        if count == 1:
            return [x]
        return self._made("Split", [x, np.full(count, size, np.int64)], {"axis": axis}, count)

    def mean(self, x: ir.Value, axes: Sequence[int]) -> ir.Value:
        """ReduceMean that keeps the axes."""
        return self.reduced("ReduceMean", x, axes, keepdims=True)

    def reduced(self, op: str, x: ir.Value, axes: Sequence[int], *, keepdims: bool) -> ir.Value:
        """A reduction as the operator set of the program has it."""
        if self.opset < _AXES_AS_INPUT[op]:
            return self(op, x, axes=list(axes), keepdims=int(keepdims))
        return self(op, x, np.array(axes, np.int64), keepdims=int(keepdims))

    def root(self, d: ir.Value, axes: Sequence[int], epsilon: float) -> ir.Value:
        """(mean(d * d) + epsilon) ^ -0.5"""
        variance = self.mean(self("Mul", d, d), axes)
        return self("Pow", self("Add", variance, epsilon), -0.5)

    def number(self, value: Array | float) -> ir.Value:
        """A constant; floats are of 32 bits."""
        data = np.asarray(value)
        data = data.astype(np.float32) if data.dtype.kind == "f" else data
        return constant(self._body, f"{self._stem}.number", data)

    def _made(
        self,
        op: str,
        given: Sequence[ir.Value | Array | float],
        attributes: dict[str, Any],
        count: int,
    ) -> list[ir.Value]:
        inputs = [v if isinstance(v, ir.Value) else self.number(v) for v in given]
        node = ir.node(op, inputs, attributes or None, num_outputs=count)
        self._body.insert_before(self._node, node)
        for made in node.outputs:
            made.name = fresh(self._body, f"{self._stem}.{op.lower()}")
            made.type = self._node.outputs[0].type
        return list(node.outputs)


def sizes_of(value: ir.Value | None) -> tuple[int, ...]:
    """The shape, -1 for a size that is not known; empty where not even the rank is."""
    found = graph.dims(value) if value is not None else None
    return tuple(d if isinstance(d, int) else -1 for d in found or ())


def shape_of(value: ir.Value | None) -> tuple[int, ...] | None:
    """The shape where all but the first size are known."""
    found = sizes_of(value)
    return found if found and -1 not in found[1:] else None
