"""Entries picked by their indices: GATHER and GATHER_ND."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.demands import demands, later, sooner
from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.indices import coordinates, counted, within
from mcompile.backends.litert.kernels import CODES, demand
from mcompile.backends.litert.layout import Order, arranged, straight
from mcompile.backends.litert.lowering import BOTH, Lowering
from mcompile.backends.litert.ops.slices import Range, Ranges, part
from mcompile.backends.litert.views import View
from mcompile.backends.litert.walk import Walk
from mcompile.types import Array

_TYPES = CODES | {"bool"}


def _gather(walk: Walk, node: ir.Node) -> None:
    value, indices = node.inputs[0], walk.constant(node.inputs[1])
    assert value is not None
    shape = walk.shape(value)
    axis = node.attributes.get_int("axis", 0) % len(shape)
    if indices is not None and walk.constant(value) is None:
        run = _run(indices.data, shape[axis])
        if run is not None:
            _part(walk, node, {axis: run})
            return
    order = walk.view(value).nearest()
    source = demand(walk, walk.read(value, order), _TYPES)
    _whole_scale(walk, source)
    places = counted(walk, node.inputs[1], shape[axis])
    made = _behind(order, axis, len(places.shape))
    result = walk.scratch(source, arranged(walk.shape(node.outputs[0]), made))
    walk.draft.emit("GATHER", [source, places], [result], "GatherOptions", axis=order.index(axis))
    walk.see(View.of(result, made))


def _run(indices: Array, size: int) -> Range | None:
    """Indices that follow each other, as a range."""
    flat = np.where(indices < 0, indices + size, indices).reshape(-1).tolist()
    if not flat or min(flat) < 0 or max(flat) >= size:
        return None
    is_run = flat == list(range(flat[0], flat[0] + len(flat)))
    return Range(flat[0], len(flat)) if is_run else None


def _part(walk: Walk, node: ir.Node, ranges: Ranges) -> None:
    """A slice; one index takes its axis away."""
    value, made = node.inputs[0], node.outputs[0]
    assert value is not None
    behind = sooner(value, walk.view(value))
    view = part(walk, value, ranges, behind).reshaped(walk.shape(made))
    if view is None:
        raise walk.place.refused("it picks of a value that is empty")
    walk.see(view)


def _behind(order: Order, axis: int, rank: int) -> Order:
    """The order when `rank` axes of indices are in the place of one axis."""
    made: list[int] = []
    for a in order:
        if a == axis:
            made += range(axis, axis + rank)
        else:
            made.append(a if a < axis else a + rank - 1)
    return tuple(made)


def _whole_scale(walk: Walk, source: Tensor) -> None:
    if source.quant is not None and len(source.quant.scale) > 1:
        raise walk.place.refused("a table of codes with several scales", "one scale for the table")


def _gather_nd(walk: Walk, node: ir.Node) -> None:
    value = node.inputs[0]
    assert value is not None
    source = demand(walk, walk.read(value), _TYPES)
    _whole_scale(walk, source)
    batch = node.attributes.get_int("batch_dims", 0)
    places = coordinates(walk, node.inputs[1], walk.shape(value), batch)
    result = walk.scratch(source, walk.shape(node.outputs[0]))
    walk.draft.emit("GATHER_ND", [source, places], [result], "GatherNdOptions")
    walk.see(View.of(result, straight(len(result.shape))))


def _gather_elements(walk: Walk, node: ir.Node) -> None:
    """One GATHER along the last axis in memory, all others being a batch of lines.

    Constant places are counted through the whole value where its reader wants another order.
    """
    value = node.inputs[0]
    assert value is not None
    shape, made = walk.shape(value), walk.shape(node.outputs[0])
    rank = len(shape)
    axis = node.attributes.get_int("axis", 0) % rank
    order = (*(a for a in range(rank) if a != axis), axis)
    if _from_anywhere(walk, node, axis, order):
        return
    source = walk.read(value, order) if _fits(shape, made, axis) else None
    if source is None:
        cut = part(walk, value, {a: Range(0, n) for a, n in enumerate(made) if a != axis}, order)
        source = walk.values.seen(cut, order, "lines")
    places = counted(walk, node.inputs[1], shape[axis], order)
    result = walk.scratch(demand(walk, source, _TYPES), arranged(made, order))
    walk.draft.emit("GATHER", [source, places], [result], "GatherOptions",
                    axis=rank - 1, batchDims=rank - 1)  # fmt: skip
    walk.see(View.of(result, order))


def _from_anywhere(walk: Walk, node: ir.Node, axis: int, usual: Order) -> bool:
    """Write constant places as one GATHER of the flat value, where that spares a TRANSPOSE."""
    value, indices = node.inputs[0], walk.constant(node.inputs[1])
    assert value is not None
    behind = demands(node.outputs[0])
    orders = [d.order for d in behind if d.order is not None]
    order = min(orders, key=lambda o: later(behind, o), default=usual)
    shape = walk.shape(value)
    free = any(walk.draft.is_free(n) for n in shape)
    if indices is None or free or later(behind, order) >= later(behind, usual):
        return False
    where = np.indices(indices.data.shape)
    where[axis] = within(walk, indices.data, shape[axis])
    view = walk.view(value)
    near = view.nearest() if view.holds(view.nearest()) else straight(len(shape))
    places = np.ravel_multi_index([where[a] for a in near], [shape[a] for a in near])
    source = demand(walk, walk.read(value, near), _TYPES)
    flat = walk.values.shaped(source, (prod(shape),), graph.name_of(value))
    stored = walk.draft.constant("places", np.ascontiguousarray(places.transpose(order), np.int32))
    result = walk.scratch(flat, stored.shape)
    walk.draft.emit("GATHER", [flat, stored], [result], "GatherOptions", axis=0)
    walk.see(View.of(result, order))
    return True


def _fits(shape: Sequence[int], made: Sequence[int], axis: int) -> bool:
    return all(n == m for a, (n, m) in enumerate(zip(shape, made, strict=True)) if a != axis)


LOWERINGS = {
    "Gather": Lowering(_gather, integers=BOTH),
    "GatherElements": Lowering(_gather_elements, integers=BOTH),
    "GatherND": Lowering(_gather_nd, integers=BOTH),
}
