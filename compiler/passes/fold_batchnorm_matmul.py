"""BatchNormalization(MatMul(x, W) + b) becomes a MatMul and an Add with scaled constants.

    W' = W * s        b' = (b - mean) * s + beta        s = gamma / sqrt(var + eps)

It holds for a result of rank 2, whose columns are the channels of the norm. Without a bias before,
an Add takes the place of the norm. Sums are done in float64 and rounded once.
"""

from __future__ import annotations

import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import affine, folding, linear
from mcompile.rules import Phase, Rule, Skip


class FoldBatchNormMatMul(Rule[folding.Fold]):
    root = "BatchNormalization"
    phase = Phase.FOLD

    def match(self, node: ir.Node) -> folding.Fold | Skip | None:
        source = node.inputs[0]
        layer = linear.behind(source) if source is not None and self.opset >= 7 else None
        if layer is None or layer.op != "MatMul":
            return None
        if reason := affine.training(node):
            return Skip(reason)
        loose = (v for v in node.inputs[1:5] if v is not None and graph.array(v) is None)
        if value := next(loose, None):
            return Skip(f"{value.name} is not a constant")
        found = folding.after(node)
        if found is None:
            return Skip("its channels are not the columns of the MatMul")
        return Skip(found) if isinstance(found, str) else found

    def rewrite(self, found: folding.Fold) -> None:
        folding.apply(found)
