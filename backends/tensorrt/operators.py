"""What the ONNX parser of each TensorRT release reads, as data.

Sources: onnx-tensorrt, `docs/operators.md` as of the releases 8.0, 8.2, 8.4, 8.5, 8.6, 9.3, 10.0,
10.1, 10.15 and 11.1, and its `docs/Changelog.md` up to 10.16 for what came between; NVIDIA's
release notes of TensorRT 11.5 for opset 25. An op stands under the first release whose table
lists it as supported. Restrictions of single ops are in `limits`.
"""

from __future__ import annotations

from packaging.version import Version

_OPERATORS = {
    "8.0": """
        Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool
        BatchNormalization Cast Ceil Celu Clip Concat Constant ConstantOfShape Conv
        ConvTranspose Cos Cosh CumSum DepthToSpace DequantizeLinear Div Dropout Elu Equal Erf
        Exp Expand EyeLike Flatten Floor GRU Gather GatherElements Gemm GlobalAveragePool
        GlobalLpPool GlobalMaxPool Greater GreaterOrEqual HardSigmoid Identity If ImageScaler
        InstanceNormalization LRN LSTM LeakyRelu Less LessOrEqual Log LogSoftmax Loop
        LpNormalization LpPool MatMul Max MaxPool Mean Min Mul Neg NonMaxSuppression Not Or
        PRelu Pad ParametricSoftplus Pow QuantizeLinear RNN RandomUniform RandomUniformLike
        Range ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin
        ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize ReverseSequence ScaledTanh Scan
        Selu Shape Sigmoid Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt
        Squeeze Sub Sum Tan Tanh ThresholdedRelu Tile TopK Transpose Unsqueeze Upsample Where
    """,
    "8.2": "Einsum GatherND IsNaN Round Scatter ScatterElements ScatterND Sign",
    "8.4": "HardSwish RandomNormal RandomNormalLike Reciprocal Shrink Xor",
    "8.5": "GridSample MeanVarianceNormalization Mod NonZero OneHot RoiAlign Trilu",
    "8.6": "GroupNormalization IsInf LayerNormalization",
    "9.3": "CastLike Hardmax",
    "10.0": "Gelu Mish",
    "10.1": "DeformConv",
    "10.4": "BlackmanWindow HammingWindow HannWindow",
    "10.5": "STFT",
    "10.14": "Attention",
    "10.15": "RMSNormalization RotaryEmbedding TensorScatter",
    "11.0": "Swish",
}

# The newest operator set that a release reads; those between read what the one before them reads.
_OPSETS = {
    "8.0": 13,
    "8.4": 17,
    "9.0": 19,
    "10.0": 20,
    "10.9": 22,
    "10.13": 24,
    "11.5": 25,
}

OLDEST = Version("8.0")
"""The first release that the graphs and the kit are written for."""

_FIRST = {op: Version(release) for release, ops in _OPERATORS.items() for op in ops.split()}


def since(op: str) -> Version | None:
    """The first release that reads the op; None where none does."""
    return _FIRST.get(op)


def since_opset(number: int) -> Version | None:
    """The first release that reads that operator set; None where none does."""
    able = [Version(release) for release, newest in _OPSETS.items() if newest >= number]
    return min(able, default=None)


def newest_opset(release: Version) -> int:
    """The newest operator set that a release reads."""
    known = [newest for version, newest in _OPSETS.items() if Version(version) <= release]
    return max(known, default=min(_OPSETS.values()))
