"""Two Transposes in a row become one, or none where the second undoes the first.

    Transpose<q>(Transpose<p>(x))  ->  Transpose<r>(x)   with r[i] = p[q[i]]
                                   ->  x                 where r is 0, 1, 2, ...

The first one stays for those who read it directly; the second no longer waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from mcompile import graph
from mcompile.rules import Phase, Rule, Skip


@dataclass(frozen=True)
class Composed:
    """The second Transpose, what the first one reads, and the order of both together."""

    node: ir.Node
    source: ir.Value
    order: tuple[int, ...]

    @property
    def nothing(self) -> bool:
        return self.order == tuple(range(len(self.order)))


class FoldTransposes(Rule[Composed]):
    root = "Transpose"
    phase = Phase.FOLD

    def match(self, node: ir.Node) -> Composed | Skip | None:
        between = node.inputs[0]
        first = between.producer() if between is not None else None
        if first is None or first.op_type != "Transpose" or first.domain not in {"", "ai.onnx"}:
            return None
        source = first.inputs[0]
        inner, outer = _order(first), _order(node)
        if source is None or inner is None or outer is None:
            return Skip("the rank is not known")
        found = Composed(node, source, tuple(inner[k] for k in outer))
        reason = graph.hindrance(node.outputs[0], source) if found.nothing else ""
        return Skip(reason) if reason else found

    def rewrite(self, found: Composed) -> None:
        if found.nothing:
            graph.replace(found.node.outputs[0], found.source)
            return
        found.node.attributes["perm"] = ir.AttrInt64s("perm", found.order)
        found.node.replace_input_with(0, found.source)


def _order(node: ir.Node) -> tuple[int, ...] | None:
    """The axes in their new order; without a `perm` all of them are reversed."""
    if "perm" in node.attributes:
        return tuple(node.attributes["perm"].as_ints())
    known = (v for v in (node.inputs[0], node.outputs[0]) if v is not None and v.shape is not None)
    rank = next((len(v.shape) for v in known if v.shape is not None), None)
    return None if rank is None else tuple(reversed(range(rank)))
