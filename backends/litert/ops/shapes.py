"""What changes how a value is seen and not what it holds: most of it writes nothing."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.demands import sooner
from mcompile.backends.litert.layout import straight
from mcompile.backends.litert.lowering import BOTH, Lowering
from mcompile.backends.litert.settled import settle
from mcompile.backends.litert.views import View
from mcompile.backends.litert.walk import Walk


def _transpose(walk: Walk, node: ir.Node) -> None:
    value = node.inputs[0]
    assert value is not None
    rank = len(walk.shape(value))
    perm = node.attributes.get_ints("perm", tuple(reversed(range(rank))))
    walk.see(_viewed(walk, value).transposed(perm))


def _viewed(walk: Walk, value: ir.Value) -> View:
    """The value as memory has it, once brought into the order that most behind it will ask for."""
    view = walk.view(value)
    order = None if walk.constant(value) is not None else sooner(value, view)
    return view if order is None else walk.turn(value, order)


def _reshape(walk: Walk, node: ir.Node) -> None:
    """Reshape and all that comes to it: the new shape is the one that was inferred."""
    value = node.inputs[0]
    assert value is not None
    shape = walk.shape(node.outputs[0])
    view = _viewed(walk, value).reshaped(shape)
    if view is None:
        tensor = walk.read(value)
        made = walk.scratch(tensor, shape)
        walk.draft.reshape(tensor, made)
        view = View.of(made, straight(len(shape)))
    walk.see(view)


def _dropout(walk: Walk, node: ir.Node) -> None:
    """What it reads, and a mask that keeps all; nothing can be drawn at random when it runs."""
    ratio, training = (walk.numbers(v) for v in (*node.inputs[1:], None, None)[:2])
    if training is not None and bool(training) and (ratio is None or float(ratio) > 0):
        raise walk.place.refused("a Dropout in training mode", "export the model after eval()")
    _reshape(walk, node)
    if len(node.outputs) > 1:
        settle(node, np.ones(walk.shape(node.outputs[1]), np.bool_), 1)


def _shape(walk: Walk, node: ir.Node) -> None:
    """The sizes: known now, but for one that the caller may change."""
    value = node.inputs[0]
    assert value is not None
    shape = walk.shape(value)
    ends = node.attributes.get_int("start", 0), node.attributes.get_int("end", len(shape))
    wanted = range(len(shape))[slice(*ends)]
    if not any(walk.draft.is_free(shape[a]) for a in wanted):
        settle(node, np.array([shape[a] for a in wanted], np.int64))
        return
    held = walk.held(value)
    sizes = walk.draft.tensor("sizes", (len(shape),), "int64")
    walk.draft.emit("SHAPE", [held.tensor], [sizes], "ShapeOptions", outType=_INT64)
    places = np.array([held.order.index(a) for a in wanted], np.int32)
    inputs = [sizes, walk.draft.constant("places", places)]
    walk.draft.emit("GATHER", inputs, [walk.make()], "GatherOptions", axis=0)


_INT64 = 4
"""In the schema's `TensorType`."""


def _size(walk: Walk, node: ir.Node) -> None:
    shape = walk.shape(node.inputs[0])
    if any(walk.draft.is_free(n) for n in shape):
        raise walk.place.refused("it counts the entries of a value whose size is free")
    settle(node, np.array(int(np.prod(shape, dtype=np.int64)), np.int64))


_VIEW = Lowering(_reshape, integers=BOTH)

LOWERINGS = {
    "Dropout": Lowering(_dropout, integers=BOTH),
    "Flatten": _VIEW,
    "Identity": _VIEW,
    "Reshape": _VIEW,
    "Shape": Lowering(_shape),
    "Size": Lowering(_size),
    "Squeeze": _VIEW,
    "Transpose": Lowering(_transpose, integers=BOTH),
    "Unsqueeze": _VIEW,
}
