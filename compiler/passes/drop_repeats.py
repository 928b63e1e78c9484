"""An op that undoes itself, or does nothing the second time, is not done twice.

    Not(Not(x)), Neg(Neg(x)), BitwiseNot(BitwiseNot(x))   ->   x
    f(f(x))  ->  f(x)    for f of Relu, Abs, Floor, Ceil, Round, Sign, and Clip by the same bounds

Neg flips a sign bit, and of the smallest integer makes itself: twice is nothing, for NaN and -0
too. Relu, Clip and the others give numbers that they leave alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from mcompile import graph
from mcompile.rules import Phase, Rule, Skip

_UNDOES_ITSELF = ("Not", "Neg", "BitwiseNot")
_SETTLES = ("Relu", "Abs", "Floor", "Ceil", "Round", "Sign", "Clip")


@dataclass(frozen=True)
class Same:
    """A value, and the earlier one that equals it."""

    output: ir.Value
    source: ir.Value


class DropRepeats(Rule[Same]):
    root = (*_UNDOES_ITSELF, *_SETTLES)
    phase = Phase.CLEAN

    def match(self, node: ir.Node) -> Same | Skip | None:
        between = node.inputs[0]
        inner = between.producer() if between is not None else None
        if between is None or inner is None or not _alike(inner, node) or graph.is_dead(node):
            return None
        source = inner.inputs[0] if node.op_type in _UNDOES_ITSELF else between
        if source is None:
            return None
        reason = graph.hindrance(node.outputs[0], source)
        return Skip(reason) if reason else Same(node.outputs[0], source)

    def rewrite(self, found: Same) -> None:
        graph.replace(found.output, found.source)


def _alike(inner: ir.Node, outer: ir.Node) -> bool:
    """Whether both are the same op with the same bounds."""
    if (inner.op_type, inner.domain) != (outer.op_type, outer.domain):
        return False
    bounds = [{n: a.value for n, a in node.attributes.items()} for node in (inner, outer)]
    return tuple(inner.inputs[1:]) == tuple(outer.inputs[1:]) and bounds[0] == bounds[1]
