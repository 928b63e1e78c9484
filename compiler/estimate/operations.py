"""FLOPs of everything that is not a product: one each element, a few for normalizations.

An op that is in no list is not counted, and said to be unknown.
"""

from __future__ import annotations

import onnx_ir as ir

from mcompile.estimate.convolution import window
from mcompile.estimate.shapes import elements

_MOVES = """
    Concat Split Transpose Pad Expand Tile DepthToSpace SpaceToDepth Cast CastLike ConstantOfShape
    Range Where OneHot EyeLike ScatterND ScatterElements Dropout NonZero Compress ReverseSequence
    Trilu TensorScatter CenterCropPad
"""

_ELEMENTWISE = """
    Add Sub Mul Div Pow Mod Max Min Sum Mean Neg Abs Sign Sqrt Exp Log Reciprocal Erf Floor Ceil
    Round Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh Asinh Acosh Atanh Relu LeakyRelu PRelu Elu
    Selu Celu Clip Sigmoid HardSigmoid HardSwish Swish Gelu Mish Softplus Softsign ThresholdedRelu
    Shrink And Or Xor Not BitShift BitwiseAnd BitwiseOr BitwiseXor BitwiseNot Equal Greater Less
    GreaterOrEqual LessOrEqual IsNaN IsInf DynamicQuantizeLinear
"""

_REDUCTIONS = """
    ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum
    ReduceLogSumExp ReduceSumSquare ArgMax ArgMin CumSum TopK GlobalAveragePool GlobalMaxPool
    GlobalLpPool Hardmax
"""

VIEWS = frozenset({"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"})
"""Ops whose output can be the input's own storage under another shape."""

ASKS = frozenset({"Shape", "Size"})
"""Ops that read a tensor's shape and not its numbers."""

PICKS = frozenset({"Gather", "GatherElements", "GatherND", "Slice"})
"""Ops that read no more of their first input than they write."""

FREE = VIEWS | ASKS | PICKS | frozenset(_MOVES.split())
ELEMENTWISE = frozenset(_ELEMENTWISE.split())
REDUCTIONS = frozenset(_REDUCTIONS.split())
POOLS = frozenset({"MaxPool", "AveragePool", "LpPool"})

FACTORS = {
    "BatchNormalization": 2,
    "Softmax": 5,
    "LogSoftmax": 5,
    "LayerNormalization": 7,
    "RMSNormalization": 4,
    "InstanceNormalization": 7,
    "GroupNormalization": 7,
    "LpNormalization": 3,
    "MeanVarianceNormalization": 6,
    "LRN": 7,
    "Resize": 7,
    "Upsample": 7,
}
"""FLOPs for each output element, by the textbook formula; a resize by bilinear weights."""


def operations(node: ir.Node) -> int | None:
    """FLOPs of a node that multiplies no matrices; None for an op or size that is not known."""
    op = node.op_type
    if op in FREE:
        return 0
    if op in ELEMENTWISE:
        return elements(node.outputs[0])
    if op in REDUCTIONS:
        return elements(node.inputs[0])
    factor = window(node) if op in POOLS else FACTORS.get(op)
    count = elements(node.outputs[0])
    return None if factor is None or count is None else factor * count
