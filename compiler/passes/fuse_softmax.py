"""A softmax spelled out becomes Softmax (opset 13).

    e = Exp(x - ReduceMax(x, axis))      e / ReduceSum(e, axis)   ->   Softmax<axis>(x)

The sums keep their dimension and go over one and the same axis. Instead of the division there may
be a product with the Reciprocal. Without the maximum taken off it stays: Exp(x) overflows where
Softmax(x) does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from mcompile import graph
from mcompile.algebra.patterns import made, seen, stand_in
from mcompile.rules import Phase, Rule, Skip

FIRST_OPSET = 13
_TYPES = {ir.DataType.FLOAT16, ir.DataType.FLOAT, ir.DataType.DOUBLE}


@dataclass(frozen=True)
class Shares:
    """The last node of a softmax, what it is taken of, along which axis, and what would go."""

    last: ir.Node
    source: ir.Value
    axis: int
    inner: tuple[ir.Node, ...]


class FuseSoftmax(Rule[Shares]):
    root = ("Div", "Mul")
    phase = Phase.FUSE

    def match(self, node: ir.Node) -> Shares | Skip | None:
        found = _softmax(node)
        if found is None:
            return None
        if reason := seen(found.inner, node):
            return Skip(reason)
        if self.opset < FIRST_OPSET:
            return Skip(f"Softmax is over one axis since opset {FIRST_OPSET}, this is {self.opset}")
        return found

    def rewrite(self, found: Shares) -> None:
        axis = ir.AttrInt64("axis", found.axis)
        new = ir.Node("", "Softmax", [found.source], [axis], name=found.last.name)
        stand_in(new, found.last)


def _softmax(last: ir.Node) -> Shares | None:
    for power, total, inverse in _fractions(last):
        exp, sum_ = made(power, "Exp"), made(total, "ReduceSum")
        less = made(exp.inputs[0], "Sub") if exp is not None else None
        if exp is None or sum_ is None or less is None or sum_.inputs[0] is not power:
            continue
        source, peak = less.inputs[0], made(less.inputs[1], "ReduceMax")
        if source is None or peak is None or peak.inputs[0] is not source:
            continue
        axis = _axis(peak, source)
        if axis is not None and axis == _axis(sum_, source) and source.dtype in _TYPES:
            return Shares(last, source, axis, (*inverse, sum_, exp, less, peak))
    return None


def _fractions(
    last: ir.Node,
) -> list[tuple[ir.Value | None, ir.Value | None, tuple[ir.Node, ...]]]:
    """Numerator and denominator, and the Reciprocal between them."""
    one, other = last.inputs
    if last.op_type == "Div":
        return [(one, other, ())]
    pairs = [(a, made(b, "Reciprocal")) for a, b in ((one, other), (other, one))]
    return [(a, n.inputs[0], (n,)) for a, n in pairs if n is not None]


def _axis(node: ir.Node, source: ir.Value) -> int | None:
    """The one axis that the node reduces and keeps, counted from the end where that is known."""
    attribute = node.attributes.get("axes")
    given = graph.array(node.inputs[1]) if len(node.inputs) > 1 else None
    if attribute is not None:
        axes = list(attribute.as_ints())
    else:
        axes = [] if given is None else [int(a) for a in given.reshape(-1)]
    if len(axes) != 1 or not graph.integer(node, "keepdims", 1):
        return None
    if source.shape is None or axes[0] < 0:
        return axes[0]
    return axes[0] - len(source.shape)
