"""BatchNormalization in front of a layer goes into the weights of that layer.

    W (s * x + t) + b   ->   (W * s) x + (b + W t)
    s = gamma / sqrt(var + eps)        t = beta - mean * s

A norm that a layer before it can take in is left to that one. A layer that pads with zeros takes in
only a norm whose shift t is zero; so does a MatMul without a bias. Sums are done in float64 and
rounded once.
"""

from __future__ import annotations

import onnx_ir as ir

from mcompile.algebra import folding
from mcompile.rules import Phase, Rule, Skip


class FoldBatchNormForward(Rule[folding.Fold]):
    root = "BatchNormalization"
    phase = Phase.FOLD

    def match(self, node: ir.Node) -> folding.Fold | Skip | None:
        found = folding.before(node) if self.opset >= 7 else None
        return Skip(found) if isinstance(found, str) else found

    def rewrite(self, found: folding.Fold) -> None:
        folding.apply(found)
