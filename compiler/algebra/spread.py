"""Factors along one axis of a value, followed upstream through ops that only move elements.

What multiplies a value by numbers that depend on one index alone can as well be done earlier: each
op here tells along which axis of what it reads the same factors lie.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import terms
from mcompile.types import Array

MOVES = frozenset({"Reshape", "Transpose", "Squeeze", "Unsqueeze"})
"""Ops that hand every element on, once."""


@dataclass(frozen=True)
class Spread:
    """A factor for each index of one axis, counted from the end; one for all without an axis."""

    scale: Array
    axis: int | None = None


def of(value: ir.Value, data: Array, into: ir.Value) -> Spread | None:
    """A constant as a factor of a value that it does not widen; None where it has two axes."""
    if data.dtype.kind != "f" or not terms.fits(value, into):
        return None
    scale = data.astype(np.float64)
    if scale.size == 1:
        return Spread(scale.reshape(1))
    axis = int(np.argmax(scale.shape)) - scale.ndim
    return Spread(scale.reshape(-1), axis) if scale.shape[axis] == scale.size else None


def is_standard(node: ir.Node | None, *ops: str) -> bool:
    """Whether the node is one of those ops of the standard set."""
    return node is not None and node.op_type in ops and node.domain in {"", "ai.onnx"}


def is_product(node: ir.Node | None) -> bool:
    """Whether the node multiplies two matrices that are both known at run time only."""
    if node is None or not is_standard(node, "MatMul"):
        return False
    return not any(graph.is_constant(v) for v in node.inputs)


def before(node: ir.Node, made: ir.Value, spread: Spread) -> Iterator[tuple[ir.Value, Spread]]:
    """What the node makes the value of, and how the factors lie there; of a product either side."""
    source = node.inputs[0] if node.inputs else None
    if is_product(node):
        for side in node.inputs:
            if side is not None and _along_batch(side, spread):
                yield side, spread
    elif source is not None and is_standard(node, *MOVES, "Split", "Gather"):
        inner = _moved(node, source, made, spread)
        if inner is not None:
            yield source, inner


def taken(node: ir.Node) -> tuple[int, int, int] | None:
    """The axis from the end, the one index that a Gather takes of it, and the size of the axis."""
    source = node.inputs[0] if is_standard(node, "Gather") else None
    shape = graph.dims(source) if source is not None else None
    data = graph.array(node.inputs[1]) if shape is not None else None
    if shape is None or data is None or data.size != 1:
        return None
    axis = _from_end(graph.integer(node, "axis", 0), len(shape))
    size = shape[axis]
    return (axis, int(data.reshape(())[()]) % size, size) if isinstance(size, int) else None


def _from_end(axis: int, rank: int) -> int:
    return axis - rank if axis >= 0 else axis


def _along_batch(side: ir.Value, spread: Spread) -> bool:
    """Whether a factor of a product is one of this side of it, not of rows or columns."""
    shape = graph.dims(side)
    if spread.axis is None or shape is None:
        return spread.axis is None
    return -len(shape) <= spread.axis < -2 and shape[spread.axis] == spread.scale.size


def _moved(node: ir.Node, source: ir.Value, made: ir.Value, spread: Spread) -> Spread | None:
    """The factors before the node moved or chose what they scale."""
    if node.op_type == "Split":
        return _before_split(node, source, made, spread)
    if node.op_type == "Gather":
        chosen = taken(node)
        if chosen is None or spread.axis is not None:
            return None
        axis, index, size = chosen
        return Spread(np.where(np.arange(size) == index, spread.scale, 1.0), axis)
    if spread.axis is None:
        return spread
    if node.op_type == "Transpose":
        order = list(node.attributes["perm"].as_ints()) if "perm" in node.attributes else []
        return Spread(spread.scale, order[spread.axis] - len(order)) if order else None
    inner, outer = terms.sizes(source), terms.sizes(made)
    return _regrouped(inner, outer, spread) if inner is not None and outer is not None else None


def _before_split(node: ir.Node, source: ir.Value, made: ir.Value, spread: Spread) -> Spread | None:
    shapes = [graph.dims(v) for v in (source, *node.outputs)]
    known = [s for s in shapes if s]
    if len(known) < len(shapes):
        return None
    axis = _from_end(graph.integer(node, "axis", 0), len(known[0]))
    whole, *parts = (s[axis] for s in known)
    sizes = [p for p in parts if isinstance(p, int)]
    if len(sizes) < len(parts) or sum(sizes) != whole or spread.axis not in {None, axis}:
        return None
    place = list(node.outputs).index(made)
    scale = np.ones(sum(sizes))
    scale[sum(sizes[:place]) : sum(sizes[: place + 1])] = spread.scale
    return Spread(scale, axis)


def _regrouped(
    inner: Sequence[terms.Term], outer: Sequence[terms.Term], spread: Spread
) -> Spread | None:
    """The factors along the one axis that was cut into those among which theirs is."""
    axis = (spread.axis or 0) + len(outer)
    for low in range(axis + 1):
        for high in range(axis + 1, len(outer) + 1):
            group = [d for d in outer[low:high] if isinstance(d, int)]
            if len(group) == high - low and prod(group) > 0:
                place = _place(inner, outer, low, high)
                if place is not None:
                    shape = [-1 if k == axis else 1 for k in range(low, high)]
                    scale = np.broadcast_to(spread.scale.reshape(shape), group)
                    return Spread(scale.reshape(-1), place - len(inner))
    return None


def _place(
    inner: Sequence[terms.Term], outer: Sequence[terms.Term], low: int, high: int
) -> int | None:
    """Which axis became the axes from `low` to `high`, in the same order of elements."""
    size = _product(outer[low:high])
    for place, whole in enumerate(inner):
        behind = _product(inner[place + 1 :]) == _product(outer[high:])
        if whole == size and (behind or _product(inner[:place]) == _product(outer[:low])):
            return place
    return None


def _product(sizes: Sequence[terms.Term]) -> terms.Term:
    found: terms.Term = 1
    for size in sizes:
        found = terms.multiply(found, size)
    return found
