"""A factor or shift by constants goes into the weights of the layer before or behind it.

    (W x + b) * s + t   ->   (W * s) x + (b * s + t)        s, t: scalar or one per output channel
    W (x * s + t) + b   ->   (W * s) x + (b + W t)          s, t: scalar or one per input channel

The ops are Mul, Div, Add and Sub; the layers Conv, ConvTranspose, Gemm and MatMul. The bias of a
MatMul stays an Add behind it. A layer that pads takes no shift in from the front, because the zeros
it pads with are not shifted. What may be the last step of a norm or the first or last one of an
activation is left whole. Layer scale, input normalization and the scale of attention's queries are
of these forms. Sums are done in float64 and rounded once.
"""

from __future__ import annotations

import onnx_ir as ir

from mcompile.algebra import affine, folding
from mcompile.rules import Phase, Rule, Skip


class FoldAffine(Rule[folding.Fold]):
    root = ("Mul", "Div", "Add", "Sub")
    phase = Phase.FOLD

    def match(self, node: ir.Node) -> folding.Fold | Skip | None:
        if self.opset < 7 or affine.operand(node) is None:
            return None
        found = folding.after(node)
        if not isinstance(found, folding.Fold):
            found = folding.before(node) or found
        return Skip(found) if isinstance(found, str) else found

    def rewrite(self, found: folding.Fold) -> None:
        folding.apply(found)
