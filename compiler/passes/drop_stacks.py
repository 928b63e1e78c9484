"""The sum over an axis along which a few values were stacked is their sum.

    ReduceSum(Concat(Unsqueeze(x), Unsqueeze(y)))        ->   x + y
    ReduceSum(Concat(Unsqueeze(x), Unsqueeze(y)) * w)    ->   x * w[0] + y * w[1]

Selective-kernel and split-attention blocks weigh their branches so. No value of one more axis is
written, and w stays as small as it is. Only what is read by nothing but such sums goes, and no more
than four values are added; w has the stack's axes, and one entry for each value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra.patterns import made, stand_in
from mcompile.rules import Phase, Rule, Skip

MOST = 4


@dataclass(frozen=True)
class Stacked:
    """The sum, what was stacked, along which axis, and what it is weighed with."""

    node: ir.Node
    values: tuple[ir.Value, ...]
    axis: int
    weights: ir.Value | None


class DropStacks(Rule[Stacked]):
    root = "ReduceSum"
    phase = Phase.FUSE

    def match(self, node: ir.Node) -> Stacked | Skip | None:
        source = node.inputs[0]
        axis = _axis(node, source)
        if source is None or axis is None or graph.integer(node, "keepdims", 1):
            return None
        stack, weights = _stack(source)
        values = _values(stack, axis) if stack is not None else None
        if stack is None or values is None:
            return None
        if len(values) > MOST:
            return Skip(f"{len(values)} values were stacked")
        if not all(_is_summed(u.node, axis) for u in stack.outputs[0].uses()):
            return Skip(f"{stack.outputs[0].name} has other readers")
        if weights is not None and not _weighs(weights, stack.outputs[0], axis):
            return Skip(f"{weights.name} has no entry for each stacked value")
        return Stacked(node, values, axis, weights)

    def rewrite(self, found: Stacked) -> None:
        terms = [_weighed(found, k) for k in range(len(found.values))]
        total = terms[0]
        for term in terms[1:-1]:
            total = _before(found.node, "Add", [total, term])
        stand_in(ir.Node("", "Add", [total, terms[-1]], name=found.node.name), found.node)


def _axis(node: ir.Node, wide: ir.Value | None) -> int | None:
    """The one axis that a node takes out or puts in, counted in the value that has it."""
    given = graph.array(node.inputs[1]) if len(node.inputs) > 1 else None
    axes = list(node.attributes.get_ints("axes", ())) if given is None else given.reshape(-1)
    rank = len(wide.shape) if wide is not None and wide.shape is not None else 0
    return int(axes[0]) % rank if len(axes) == 1 and rank else None


def _stack(source: ir.Value) -> tuple[ir.Node | None, ir.Value | None]:
    """What was stacked, and what the stack is multiplied with before it is summed."""
    stack, product = made(source, "Concat"), made(source, "Mul")
    if stack is not None or product is None or graph.sole_user(source) is None:
        return stack, None
    for value, other in (product.inputs, product.inputs[::-1]):
        stack = made(value, "Concat")
        if stack is not None and value is not other:
            return stack, other
    return None, None


def _values(stack: ir.Node, axis: int) -> tuple[ir.Value, ...] | None:
    """The values that got the axis to be stacked along; None where one had it before."""
    rank = len(stack.outputs[0].shape or ())
    if not rank or graph.integer(stack, "axis", 0) % rank != axis or len(stack.inputs) < 2:
        return None
    found: list[ir.Value] = []
    for part in stack.inputs:
        wide = made(part, "Unsqueeze")
        value = wide.inputs[0] if wide is not None else None
        if wide is None or value is None or _axis(wide, part) != axis:
            return None
        found.append(value)
    return tuple(found)


def _is_summed(node: ir.Node, axis: int) -> bool:
    """Whether a reader of the stack is such a sum, or the product before one."""
    if node.op_type == "Mul" and not node.domain:
        user = graph.sole_user(node.outputs[0])
        return user is not None and user.op_type == "ReduceSum" and _is_summed(user, axis)
    if node.op_type != "ReduceSum" or node.domain or graph.integer(node, "keepdims", 1):
        return False
    return _axis(node, node.inputs[0]) == axis


def _weighs(weights: ir.Value, stack: ir.Value, axis: int) -> bool:
    mine, whole = graph.dims(weights), graph.dims(stack)
    if mine is None or whole is None or len(mine) != len(whole):
        return False
    return mine[axis] == whole[axis] and all(m in (1, n) for m, n in zip(mine, whole, strict=True))


def _weighed(found: Stacked, place: int) -> ir.Value:
    value = found.values[place]
    if found.weights is None:
        return value
    index = graph.constant(graph.owner(found.node), "place", np.array(place, np.int64))
    axis = [ir.AttrInt64("axis", found.axis)]
    weight = _before(found.node, "Gather", [found.weights, index], axis)
    return _before(found.node, "Mul", [value, weight])


def _before(
    node: ir.Node, kind: str, inputs: list[ir.Value], attributes: list[ir.Attr] | None = None
) -> ir.Value:
    """What a new node in front of another makes."""
    home, new = graph.owner(node), ir.Node("", kind, inputs, attributes or [])
    home.insert_before(node, new)
    made_of = new.outputs[0]
    made_of.name = graph.fresh(home, f"{graph.name_of(node.outputs[0])}_{kind.lower()}")
    made_of.type = node.outputs[0].type
    if kind != "Gather":
        shape = node.outputs[0].shape
        made_of.shape = shape.copy() if shape else None
    return made_of
