"""Operands that meet entry by entry, brought into one order."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import onnx_ir as ir

from mcompile.backends.litert.demands import demands, later, now
from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.layout import Order, straight
from mcompile.backends.litert.values import Held
from mcompile.backends.litert.walk import Walk


def aligned(walk: Walk, values: Sequence[ir.Value | None]) -> tuple[Order, list[Tensor]]:
    """The tensors in an order that spares most of them being moved, and that order.

    Operands of a lower rank get sizes of 1 in front, as the standard broadcasts them.
    """
    given = [v for v in values if v is not None]
    rank = max(len(walk.shape(v)) for v in given)
    order = suited(walk, given, rank)
    return order, [_operand(walk, v, order) for v in given]


def alike(walk: Walk, tensors: Sequence[Tensor]) -> list[Tensor]:
    """The tensors on the scale of what the node makes, where it is on integers."""
    quant = walk.quant()
    if quant is None:
        return list(tensors)
    return [t if t.quant == quant else walk.requantized(t, quant, f"{t.name}.rescaled")
            for t in tensors]  # fmt: skip


def suited(walk: Walk, values: Sequence[ir.Value], rank: int) -> Order:
    """The order for what the node makes of the values that moves least, here and behind it."""
    read = [v for v in values if walk.constant(v) is None and len(walk.shape(v)) == rank]
    forms = {v: walk.forms(v) for v in read}
    behind = demands(walk.place.node.outputs[0])
    orders = dict.fromkeys(f.nearest() for v in read for f in forms[v])
    orders |= dict.fromkeys(d.order for d in behind if d.order is not None)
    if len(orders) < 2:
        return next(iter(orders), straight(rank))
    wishes = {v: demands(v) for v in read}

    def cost(order: Order) -> float:
        return later(behind, order) + sum(now(v, forms[v], wishes[v], order) for v in read)

    return min(orders, key=cost)


def _operand(walk: Walk, value: ir.Value, order: Order) -> Tensor:
    shape = walk.shape(value)
    missing = len(order) - len(shape)
    if not missing:
        return walk.read(value, order)
    tensor = walk.read(value)
    if order == straight(len(order)) or prod(shape) == 1:
        return tensor
    wide = (1,) * missing + shape
    if tensor.data is not None:
        data = tensor.data.reshape(wide).transpose(order)
        return walk.draft.constant(f"{tensor.name}.wide", data, tensor.quant)
    made = walk.scratch(tensor, wide)
    walk.draft.reshape(tensor, made)
    return walk.values.turned(Held(made, straight(len(wide))), order, tensor.name)
