"""LiteRT (TensorFlow Lite): integers from input to output, int8 or 16x8.

Source of each rule: the "8-bit quantization specification"
(`tensorflow/lite/g3doc/performance/quantization_spec.md`); where it is silent the table that
LiteRT's own quantizer follows (`tensorflow/lite/tools/optimize/operator_property.cc`).
- activations int8, one scale and zero point a tensor; weights int8 in -127..127, zero point 0, by
  output channel for convolutions, one scale for FULLY_CONNECTED; kernels of newer runtimes take
  one by channel there too (`kernels/fully_connected.cc`): `LITERT_INT8_BY_CHANNEL`;
- biases int32 with scale input * weight and zero point 0;
- outputs of L2_NORMALIZATION, LOGISTIC, LOG_SOFTMAX, SOFTMAX and TANH are fixed;
- AVERAGE_POOL_2D, CONCATENATION, GATHER, MAXIMUM, MAX_POOL_2D, MINIMUM, PAD, REDUCE_MAX,
  REDUCE_MIN, RESHAPE, RESIZE, SLICE, SPACE_TO_DEPTH, SPLIT, SQUEEZE and TRANSPOSE keep the scale
  of what they read; a global pool is a MEAN, which does not;
- RELU, RELU6 and RELU_N1_TO_1 vanish into a convolution, FULLY_CONNECTED, ADD, SUB or MUL; a Clip
  to other ends around zero does too, because its ends are those of the integers;
- BATCH_MATMUL multiplies two computed values; DIV, SQRT, EXP, LOG, ERF and the like are not in
  the table;
- sums become codes by a 31-bit multiplier and a shift (`MultiplyByQuantizedMultiplier`).

16x8: activations int16 with zero point 0, biases int64, LOGISTIC, SOFTMAX and TANH at 1/32768;
ops that the table marks `quantizable_int16 = false` have no such kernel.
"""

from dataclasses import replace

from mcompile.types import Scheme

_MOVES = frozenset(
    {"Concat", "Flatten", "Gather", "Max", "Min", "Pad", "Reshape", "Slice", "Split", "Squeeze"}
) | {"AveragePool", "MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin", "Transpose", "Unsqueeze"}
_SUMS = frozenset({"Add", "Mul", "Sub"})
_CURVES = frozenset({"LeakyRelu", "PRelu", "Sigmoid", "Softmax", "Tanh"})
_MEANS = frozenset({"GlobalAveragePool", "ReduceMean"})
_BYTES_ONLY_MOVES = frozenset({"Resize", "SpaceToDepth"})
_BYTES_ONLY = frozenset({"Clip", "HardSwish", "LogSoftmax", "LpNormalization", "ReduceSum", "Relu"})
_COARSE_CURVES = frozenset({"Abs", "Exp", "Gelu", "Log", "Neg", "Pow"})
_TABLES = frozenset({
    "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Celu", "Cos", "Cosh", "Elu", "Erf",
    "Floor", "HardSigmoid", "Mish", "Reciprocal", "Round", "Selu", "Shrink", "Sign", "Sin", "Sinh",
    "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "ThresholdedRelu",
})  # fmt: skip
_MORE_MOVES = frozenset({
    "DepthToSpace", "Expand", "GatherElements", "GatherND", "ScatterElements", "ScatterND", "Tile",
    "Trilu", "Where",
})  # fmt: skip
_WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})

LITERT_INT8 = Scheme(
    activations="int8",
    weights="int8",
    weighted=_WEIGHTED,
    closed=_WEIGHTED | _SUMS,
    carried=_SUMS | _MOVES | _CURVES | _MEANS | _BYTES_ONLY_MOVES | _BYTES_ONLY,
    same_scale=_MOVES | _BYTES_ONLY_MOVES,
    integer_only=True,
    fixed={
        "LogSoftmax": (16 / 256, 127),
        "LpNormalization": (1 / 128, 0),
        "Sigmoid": (1 / 256, -128),
        "Softmax": (1 / 256, -128),
        "Tanh": (1 / 128, 0),
    },
    single=frozenset({"Gemm", "MatMul"}),
    paired=frozenset({"MatMul"}),
    requantize="fixed",
    fills_in=False,
)
"""int8 as every runtime that knows the specification computes it."""

LITERT_INT8_BY_CHANNEL = replace(LITERT_INT8, single=frozenset())
"""The same for runtimes whose FULLY_CONNECTED takes one weight scale for each output."""

LITERT_INT8_THROUGHOUT = replace(
    LITERT_INT8_BY_CHANNEL,
    carried=LITERT_INT8.carried | _COARSE_CURVES | _TABLES | _MORE_MOVES | {"Einsum"},
    same_scale=LITERT_INT8.same_scale | _MORE_MOVES,
    rescales=True,
)
"""The same where nothing may stay float: curves that lose more on integers than they gain.

Those without a kernel of their own are read from a table of 256 codes (GATHER).
"""

LITERT_INT16X8 = replace(
    LITERT_INT8,
    activations="int16",
    symmetric_activations=True,
    carried=_SUMS | _MOVES | _CURVES | _MEANS,
    same_scale=_MOVES,
    fixed={"Sigmoid": (1 / 32768, 0), "Softmax": (1 / 32768, 0), "Tanh": (1 / 32768, 0)},
    bias="int64",
)
"""int16 activations and int8 weights."""

LITERT_INT16X8_BY_CHANNEL = replace(LITERT_INT16X8, single=frozenset())
"""The same with one weight scale for each output of FULLY_CONNECTED."""
