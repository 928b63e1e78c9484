"""The sums inside of a recurrent cell, seen alike however they are written.

    s = W x + R h + b

Products are Gemm or MatMul with a matrix of which a Split or Slice may take some columns, and of
which a Concat before it may give some rows to each operand. Constants along a row are the bias;
they are added in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.types import Array

_DEEPEST = 12
"""Ops between a product and its gate: more are no cell."""

Part = tuple[int, int]


@dataclass(frozen=True)
class Slab:
    """The product of a value with some rows and columns of a matrix."""

    source: ir.Value
    weight: ir.Value
    transposed: bool
    rows: Part
    columns: Part

    def matrix(self) -> Array:
        """The matrix as [columns, rows]."""
        whole = graph.array(self.weight)
        if whole is None:
            return np.zeros((0, 0))
        turned = whole if self.transposed else whole.T
        return turned[slice(*self.columns), slice(*self.rows)]

    def same(self, other: Slab) -> bool:
        """Whether it is a product with the same numbers."""
        if self.weight is other.weight:
            mine = (self.transposed, self.rows, self.columns)
            return mine == (other.transposed, other.rows, other.columns)
        return bool(np.array_equal(self.matrix(), other.matrix()))


@dataclass(frozen=True)
class Sum:
    """Products, the bias that is added to them, and the nodes that compute it all."""

    slabs: tuple[Slab, ...]
    bias: Array
    nodes: tuple[ir.Node, ...] = ()

    def sources(self) -> tuple[ir.Value, ...]:
        """The values that are multiplied, each once."""
        return tuple(dict.fromkeys(s.source for s in self.slabs))

    def without(self, source: ir.Value | None) -> Sum:
        """What is left without the products of one value."""
        return Sum(tuple(s for s in self.slabs if s.source is not source), self.bias, self.nodes)

    def of(self, source: ir.Value | None) -> Sum:
        """The products of one value alone, without a bias."""
        return Sum(tuple(s for s in self.slabs if s.source is source), np.zeros_like(self.bias))

    def same(self, other: Sum) -> bool:
        """Whether it adds up the same products and, rounded to float32, the same bias."""
        if len(self.slabs) != len(other.slabs):
            return False
        pairs = zip(self.slabs, other.slabs, strict=True)
        return self.same_bias(other) and all(a.same(b) for a, b in pairs)

    def same_bias(self, other: Sum) -> bool:
        """Whether the bias is the same, rounded to float32."""
        return np.array_equal(self.bias.astype(np.float32), other.bias.astype(np.float32))


def made(value: ir.Value | None, *ops: str) -> ir.Node | None:
    """What makes the value, if it is one of these ops of the standard set."""
    node = value.producer() if value is not None else None
    standard = node is not None and node.domain in {"", "ai.onnx"}
    return node if node is not None and standard and node.op_type in ops else None


def pairs(
    value: ir.Value | None, op: str, first: str = ""
) -> Iterator[tuple[ir.Node, ir.Value, ir.Value]]:
    """The op that makes the value and its operands, either way round where `first` makes one."""
    node = made(value, op)
    if node is None:
        return
    one, other = node.inputs
    for a, b in ((one, other), (other, one)):
        if a is not None and b is not None and (not first or made(a, first) is not None):
            yield node, a, b


def total(value: ir.Value | None) -> Sum | None:
    """The value as a sum of products, one row for each of a batch; None where it is none."""
    width = _width(value)
    return None if value is None or width is None else _total(value, (0, width), _DEEPEST)


def together(one: Sum, other: Sum) -> Sum:
    """Both sums in one."""
    return Sum(one.slabs + other.slabs, one.bias + other.bias, one.nodes + other.nodes)


def row(value: ir.Value | None, part: Part) -> Array | None:
    """That part of a constant, the same in each row; None where it is no such constant."""
    data = graph.array(value) if graph.is_constant(value) else None
    if data is None or data.ndim > 2 or not data.size:
        return None
    rows = data.reshape(-1, data.shape[-1] if data.ndim else 1).astype(np.float64)
    if not (rows == rows[0]).all():
        return None
    return np.full(part[1] - part[0], rows[0, 0]) if rows.shape[1] == 1 else rows[0, slice(*part)]


def _width(value: ir.Value | None) -> int | None:
    """How many columns a matrix has."""
    sizes = graph.dims(value) if value is not None else None
    known = sizes is not None and len(sizes) == 2
    return sizes[1] if known and sizes is not None and isinstance(sizes[1], int) else None


def _total(value: ir.Value, part: Part, depth: int) -> Sum | None:
    if graph.is_constant(value):
        bias = row(value, part)
        return None if bias is None else Sum((), bias)
    node = made(value, "Split", "Slice", "Add", "Gemm", "MatMul")
    if node is None or not depth:
        return None
    if node.op_type in {"Gemm", "MatMul"}:
        found = _product(node, part)
    elif node.op_type == "Add":
        found = _added(node, part, depth - 1)
    else:
        found = _column(node, value, part, depth - 1)
    return None if found is None else Sum(found.slabs, found.bias, (*found.nodes, node))


def _added(node: ir.Node, part: Part, depth: int) -> Sum | None:
    one, other = (v for v in node.inputs)
    width = _width(node.outputs[0])
    if one is None or other is None or width is None:
        return None
    if not all(graph.is_constant(v) or _width(v) == width for v in (one, other)):
        return None
    sums = [_total(v, part, depth) for v in (one, other)]
    return None if sums[0] is None or sums[1] is None else together(sums[0], sums[1])


def _column(node: ir.Node, value: ir.Value, part: Part, depth: int) -> Sum | None:
    """A sum of which only some columns go on."""
    source = node.inputs[0]
    offset = _split_at(node, value) if node.op_type == "Split" else _slice_at(node)
    if source is None or offset is None or _width(source) is None:
        return None
    return _total(source, (part[0] + offset, part[1] + offset), depth)


def _split_at(node: ir.Node, value: ir.Value) -> int | None:
    before = [_width(v) for v in node.outputs[: value.index()]]
    along = graph.integer(node, "axis", 0) in {1, -1}
    return sum(w for w in before if w is not None) if along and None not in before else None


def _slice_at(node: ir.Node) -> int | None:
    given = [graph.array(v) for v in node.inputs[1:]]
    width = _width(node.inputs[0])
    if width is None or len(given) < 3 or any(g is None or g.size != 1 for g in given):
        return None
    start, _, axis, *step = (int(g.reshape(-1)[0]) for g in given if g is not None)
    if axis not in {1, -1} or step not in ([], [1]):
        return None
    return min(start, width) if start >= 0 else max(start + width, 0)


def _product(node: ir.Node, part: Part) -> Sum | None:
    source, weight, *rest = node.inputs
    settings = node.attributes
    if source is None or weight is None or graph.integer(node, "transA", 0):
        return None
    if settings.get_float("alpha", 1.0) != 1 or settings.get_float("beta", 1.0) != 1:
        return None
    bias = row(rest[0], part) if rest and rest[0] is not None else np.zeros(part[1] - part[0])
    if bias is None or _width(source) is None or _width(weight) is None:
        return None
    slabs, extra = _slabs(source, weight, bool(graph.integer(node, "transB", 0)), part)
    return Sum(slabs, bias, extra)


def _slabs(
    source: ir.Value, weight: ir.Value, transposed: bool, part: Part
) -> tuple[tuple[Slab, ...], tuple[ir.Node, ...]]:
    """The product, or one for each of the values that are joined before it."""
    joined = made(source, "Concat")
    pieces = [source] if joined is None else [v for v in joined.inputs if v is not None]
    widths = [_width(v) or 0 for v in pieces]
    along = joined is not None and graph.integer(joined, "axis", 0) in {1, -1}
    if joined is None or not along or not all(widths):
        whole = (0, _width(source) or 0)
        return (Slab(source, weight, transposed, whole, part),), ()
    ends = np.cumsum([0, *widths]).tolist()
    slabs = (
        Slab(v, weight, transposed, (low, high), part)
        for v, low, high in zip(pieces, ends, ends[1:], strict=False)
    )
    return tuple(slabs), (joined,)
