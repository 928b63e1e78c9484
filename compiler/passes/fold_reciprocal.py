"""A product with the reciprocal of a root becomes a quotient.

    x * Reciprocal(Sqrt(v))    ->   x / Sqrt(v)
    x * (1 / Sqrt(v))          ->   x / Sqrt(v)

It is one op and one rounding less, and the form in which runtimes know a norm.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from mcompile import graph
from mcompile.algebra.patterns import made, read_by, scalar, stand_in
from mcompile.rules import Phase, Rule, Skip


@dataclass(frozen=True)
class Quotient:
    """The product, what is divided, and the root to divide it by."""

    product: ir.Node
    above: ir.Value
    root: ir.Value


class FoldReciprocal(Rule[Quotient]):
    root = "Mul"
    phase = Phase.FOLD

    def match(self, node: ir.Node) -> Quotient | Skip | None:
        if self.opset < 7:
            return None
        one, other = node.inputs[:2]
        for above, inverse in ((one, other), (other, one)):
            root = _root(inverse)
            if above is None or inverse is None or root is None or graph.is_constant(above):
                continue
            reason = read_by(node, inverse)
            return Skip(reason) if reason else Quotient(node, above, root)
        return None

    def rewrite(self, found: Quotient) -> None:
        new = ir.Node("", "Div", [found.above, found.root], name=found.product.name)
        stand_in(new, found.product)


def _root(inverse: ir.Value | None) -> ir.Value | None:
    """The root that the value is the reciprocal of."""
    node = made(inverse, "Reciprocal", "Div")
    if node is None:
        return None
    if node.op_type == "Div" and (scalar(node.inputs[0]) != 1.0 or _rank(node.inputs[0])):
        return None
    below = node.inputs[-1]
    return below if made(below, "Sqrt") is not None else None


def _rank(value: ir.Value | None) -> int:
    return len(value.shape) if value is not None and value.shape is not None else 0
