"""A Where whose outcome is known is replaced by what it chooses.

    Where(true, a, b)  ->  a        Where(false, a, b)  ->  b        Where(c, a, a)  ->  a

The condition is a constant that is the same everywhere. What is left out may not have enlarged
the chosen one when it was broadcast.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import terms
from mcompile.rules import Phase, Rule, Skip


@dataclass(frozen=True)
class Same:
    """A value, and the earlier one that equals it."""

    output: ir.Value
    source: ir.Value


class DropChoices(Rule[Same]):
    root = "Where"
    phase = Phase.CLEAN

    def match(self, node: ir.Node) -> Same | Skip | None:
        chosen = _chosen(node)
        if chosen is None or graph.is_dead(node) or graph.is_constant(chosen):
            return None
        if not all(terms.fits(v, chosen) for v in node.inputs if v is not chosen):
            return Skip(f"{chosen.name} may be enlarged by what it is not chosen from")
        reason = graph.hindrance(node.outputs[0], chosen)
        return Skip(reason) if reason else Same(node.outputs[0], chosen)

    def rewrite(self, found: Same) -> None:
        graph.replace(found.output, found.source)


def _chosen(node: ir.Node) -> ir.Value | None:
    condition, one, other = node.inputs
    if one is other:
        return one
    known = graph.array(condition)
    if known is None or not known.size or known.min() != known.max():
        return None
    return one if known.min() else other
