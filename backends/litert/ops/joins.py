"""Values joined along an axis: CONCATENATION, in the order that moves the least."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import onnx_ir as ir

from mcompile.backends.litert.foresight import wanted
from mcompile.backends.litert.kernels import CODES, demand
from mcompile.backends.litert.layout import Order, straight
from mcompile.backends.litert.lowering import BOTH, Lowering
from mcompile.backends.litert.views import View
from mcompile.backends.litert.walk import Walk

_TYPES = CODES | {"bool", "uint32"}


def _concat(walk: Walk, node: ir.Node) -> None:
    """Inputs of another scale than the output's get a QUANTIZE each; empty ones are left out."""
    values = [v for v in node.inputs if v is not None and 0 not in walk.shape(v)]
    rank = len(walk.shape(node.outputs[0]))
    if not values:
        raise walk.place.refused("it joins nothing but empty values")
    if len(values) == 1:
        walk.see(walk.view(values[0]))
        return
    axis = node.attributes.get_int("axis", 1) % rank
    values = values if walk.place.integers else _on_joined(walk, node, values)
    order = _order(walk, values, wanted(node.outputs[0]))
    tensors = [demand(walk, walk.read(v, order, walk.quant()), _TYPES) for v in values]
    place = order.index(axis)
    walk.draft.emit(
        "CONCATENATION", tensors, [walk.make(order)], "ConcatenationOptions", axis=place
    )


def _on_joined(walk: Walk, node: ir.Node, values: list[ir.Value]) -> list[ir.Value]:
    """The values, the first of them as an earlier node has joined them already.

    DenseNets join all that they have so far again and again; XNNPACK joins at most five at once.
    """
    longest, behind = values[:1], 1
    for other in (u.node for u in values[0].uses() if u.node.op_type == "Concat"):
        count, axes = len(other.inputs), {n.attributes.get_int("axis", 1) for n in (node, other)}
        is_shorter = behind < count < len(values) and list(other.inputs) == values[:count]
        if is_shorter and len(axes) == 1 and walk.values.known(other.outputs[0]):
            longest, behind = [other.outputs[0]], count
    return [*longest, *values[behind:]]


def _order(walk: Walk, values: Sequence[ir.Value], behind: Order | None) -> Order:
    """The order in which the fewest numbers move, here and at the readers."""
    views = [walk.view(v) for v in values if walk.constant(v) is None]
    rank = len(walk.shape(values[0]))
    orders = dict.fromkeys([v.nearest() for v in views])
    if behind is not None and len(behind) == rank:
        orders[behind] = None
    if not orders:
        return straight(rank)
    return min(orders, key=lambda order: _moved(views, order, behind))


def _moved(views: Sequence[View], order: Order, behind: Order | None) -> int:
    sizes = [prod(v.shape) for v in views]
    here = sum(s for s, v in zip(sizes, views, strict=True) if not v.holds(order))
    return here + (sum(sizes) if behind not in (None, order) else 0)


LOWERINGS = {"Concat": Lowering(_concat, integers=BOTH)}
