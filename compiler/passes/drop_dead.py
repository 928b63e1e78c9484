"""A node that nobody reads is removed, and with it every node and constant that only it reads.

An ONNX node has no effect but its outputs. When none of them is read by a node, by a branch of
an If, Loop or Scan, or handed over as an output of the graph, computing it is wasted work.
"""

from __future__ import annotations

import onnx_ir as ir

from mcompile import graph
from mcompile.rules import ANY, Phase, Rule


class DropDead(Rule[ir.Node]):
    root = ANY
    phase = Phase.CLEAN

    def match(self, node: ir.Node) -> ir.Node | None:
        return node if graph.is_dead(node) else None

    def rewrite(self, found: ir.Node) -> None:
        """Nothing is left to redirect: what nobody reads is swept after every rewrite."""
