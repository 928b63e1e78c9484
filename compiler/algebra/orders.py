"""Orders of axes: what a Transpose does, two of them in a row, and what undoes one."""

from __future__ import annotations

import onnx_ir as ir

Order = tuple[int, ...]
"""For each new axis the old one that it is."""


def reversing(order: Order) -> Order:
    """The order that undoes the order."""
    return tuple(order.index(k) for k in range(len(order)))


def both(first: Order, second: Order) -> Order:
    """The one order that does what the first and then the second do."""
    return tuple(first[k] for k in second)


def is_straight(order: Order) -> bool:
    """Whether all axes are where they were."""
    return order == tuple(range(len(order)))


def order_of(node: ir.Node | None) -> Order | None:
    """The order of a Transpose of known rank; None for any other node."""
    if node is None or node.op_type != "Transpose" or node.domain not in {"", "ai.onnx"}:
        return None
    if "perm" in node.attributes:
        return tuple(node.attributes["perm"].as_ints())
    shape = node.inputs[0].shape if node.inputs[0] is not None else None
    return None if shape is None else tuple(reversed(range(len(shape))))
