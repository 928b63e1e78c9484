"""Values repeated along axes: BROADCAST_TO, TILE and FILL."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.extents import extents
from mcompile.backends.litert.foresight import wanted
from mcompile.backends.litert.kernels import CODES, demand
from mcompile.backends.litert.layout import Order, arranged, straight
from mcompile.backends.litert.lowering import BOTH, Lowering
from mcompile.backends.litert.settled import settle
from mcompile.backends.litert.views import View
from mcompile.backends.litert.walk import Walk

_TILED = frozenset({"float32", "int8", "int32", "int64", "bool", "uint8", "int16"})


def _expand(walk: Walk, node: ir.Node) -> None:
    value = node.inputs[0]
    assert value is not None
    shape, old = walk.shape(node.outputs[0]), walk.shape(value)
    if shape == old:
        walk.see(walk.view(value))
        return
    wide = walk.view(value).reshaped((1,) * (len(shape) - len(old)) + old)
    if wide is None or 0 in shape:
        raise walk.place.refused("it repeats a value that is empty")
    order = _kept(wide, wanted(node.outputs[0]))
    source = demand(walk, walk.values.seen(wide, order, "wide"), CODES | {"bool", "uint32"})
    target = extents(walk.draft, arranged(shape, order))
    made = walk.scratch(source, arranged(shape, order))
    walk.draft.emit("BROADCAST_TO", [source, target], [made], "BroadcastToOptions")
    walk.see(View.of(made, order))


def _kept(view: View, behind: Order | None) -> Order:
    """The order it lies in; where only sizes of 1 differ, the readers', else the program's."""
    for order in (behind, straight(len(view.axes))):
        if order is not None and len(order) == len(view.axes) and view.holds(order):
            return order
    return view.nearest()


def _tile(walk: Walk, node: ir.Node) -> None:
    value, shape = node.inputs[0], walk.shape(node.outputs[0])
    assert value is not None
    held = walk.held(value)
    source = demand(walk, held.tensor, _TILED)
    if 0 in shape:
        settle(node, np.zeros(shape, np.float32))
        return
    made = walk.scratch(source, arranged(shape, held.order))
    counts = [m // n for m, n in zip(made.shape, source.shape, strict=True)]
    times = extents(walk.draft, counts)
    walk.draft.emit("TILE", [source, times], [made], "TileOptions")
    walk.see(View.of(made, held.order))


def _constant_of_shape(walk: Walk, node: ir.Node) -> None:
    shape, given = walk.shape(node.outputs[0]), node.attributes.get("value")
    filling = np.zeros(1, np.float32) if given is None else given.as_tensor().numpy()
    if not any(walk.draft.is_free(n) for n in shape):
        settle(node, np.full(shape, filling.reshape(-1)[0]))
        return
    scalar = walk.draft.constant("filling", filling.reshape(()))
    inputs = [extents(walk.draft, shape), scalar]
    walk.draft.emit("FILL", inputs, [walk.make()], "FillOptions")


LOWERINGS = {
    "ConstantOfShape": Lowering(_constant_of_shape),
    "Expand": Lowering(_expand, integers=BOTH),
    "Tile": Lowering(_tile, integers=BOTH),
}
