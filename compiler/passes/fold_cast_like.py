"""CastLike(x, y) becomes a Cast to the type of y, which is known: y need not be computed.

CastLike(x, y)  with y: float   ->   Cast<to = float>(x)
"""

from __future__ import annotations

import onnx_ir as ir

from mcompile import graph
from mcompile.rules import Phase, Rule, Skip


class FoldCastLike(Rule[ir.Node]):
    root = "CastLike"
    phase = Phase.CLEAN

    def match(self, node: ir.Node) -> ir.Node | Skip | None:
        source, like = node.inputs
        if source is None or like is None or graph.is_dead(node):
            return None
        if like.dtype is None:
            return Skip(f"the type of {like.name} is not known")
        return None if like.dtype == source.dtype else node

    def rewrite(self, found: ir.Node) -> None:
        like = found.inputs[1]
        kind = like.dtype if like is not None else None
        found.resize_inputs(1)
        found.op_type = "Cast"
        found.attributes["to"] = ir.AttrInt64("to", int(kind or 0))
