"""The delegates themselves: TensorFlow Lite's GPU delegate, LiteRT's, NNAPI and the Edge TPU."""

from __future__ import annotations

from mcompile.backends.litert.delegates import (
    Delegate,
    computed,
    constant,
    each,
    one_picture,
    plain,
    rank,
    spreads,
    types,
    unmixed,
)  # fmt: skip

_FLOATS = ("float32", "float16")
_BYTES = ("int8", "uint8")
_INTEGERS = ("int8", "int16", "int32", "uint8", "uint16", "uint32")
_NUMBERS = (types(*_FLOATS, *_BYTES),)

_UNARY = (
    "ABS", "COS", "ELU", "EXP", "FLOOR", "GELU", "HARD_SWISH", "LOG", "LOGISTIC", "NEG", "RSQRT",
    "SIGN", "SIN", "SQRT", "SQUARE", "TANH",
)  # fmt: skip
_BINARY = (
    "DIV", "FLOOR_DIV", "FLOOR_MOD", "MAXIMUM", "MINIMUM", "POW", "SQUARED_DIFFERENCE", "SUB",
)  # fmt: skip
_COMPARED = ("EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL")
_REDUCED = ("MEAN", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM")
_LAYERS = (
    "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTH_TO_SPACE", "LEAKY_RELU", "MAX_POOL_2D",
    "PACK", "PRELU", "QUANTIZE", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "RESHAPE",
    "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V", "TILE",
    "TRANSPOSE", "TRANSPOSE_CONV", "UNPACK",
)  # fmt: skip
_PLAIN_SLICE = (
    plain("ellipsisMask"), plain("newAxisMask"), plain("shrinkAxisMask"), rank(4, 3),
)  # fmt: skip


_FIXED = {
    **each(*_LAYERS),
    **each(*_UNARY, asks=(computed(1),)),
    **each(*_BINARY, *_COMPARED, asks=(computed(1, 2),)),
    **each(*_REDUCED, asks=(computed(1), constant(1, "axes"))),
    **each("ADD", "MUL", asks=(spreads,)),
    **each("PAD", "PADV2", "MIRROR_PAD", asks=(computed(1), rank(4, 3))),
    **each("BATCH_MATMUL", "CUMSUM", "ADD_N", "ONE_HOT", "SELECT", "SELECT_V2", "CAST", "GATHER"),
    "DEPTHWISE_CONV_2D": (rank(4, 4),),
    "DEQUANTIZE": (types(*_FLOATS, *_BYTES),),
    "FULLY_CONNECTED": (computed(1, 2),),
    "SLICE": (rank(4, 3),),
    "SOFTMAX": (plain("beta", value=1),),
    "STRIDED_SLICE": _PLAIN_SLICE,
}

GPU = Delegate(
    "GPU, TensorFlow Lite",
    "gpu_compatibility.cc and model_builder.cc of TensorFlow Lite's GPU delegate, in LiteRT 2",
    {
        **{kind: (*_NUMBERS, *asks) for kind, asks in _FIXED.items()},
        **each(*_COMPARED, asks=(types(*_FLOATS, *_BYTES, "bool"), computed(1, 2))),
        "CAST": (types(*_FLOATS, *_BYTES, "int32", "bool"),),
        "GATHER": (types(*_FLOATS, *_BYTES, "int32"),),
        "LOGICAL_AND": (types("bool"),),
        "ONE_HOT": (types(*_FLOATS, *_BYTES, "int32"),),
        **each("SELECT", "SELECT_V2", asks=(types(*_FLOATS, *_BYTES, "bool"),)),
    },
    (rank(4),),
)

_ANY = (types(*_FLOATS, *_INTEGERS, "bool"),)
_COUNTED = (types(*_FLOATS, *_INTEGERS),)
DRIFT = Delegate(
    "GPU, LiteRT (ML Drift)",
    "gpu_compatibility.cc and model_builder.cc of the ML Drift delegate, in LiteRT 2",
    {
        **GPU.takes,
        **each("CEIL", "ROUND", asks=(*_NUMBERS, computed(1))),
        **each(
            "ABS", "COS", "NEG", "SIGN", "SIN", "TILE", "ADD", "DIV", "FLOOR_DIV", "FLOOR_MOD",
            "MAXIMUM", "MINIMUM", "MUL", "SUB", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM",
            "ATAN2", asks=_COUNTED,
        ),
        **each(
            "CAST", "CONCATENATION", "GATHER", "PACK", "PAD", "PADV2", "RESHAPE", "REVERSE_V2",
            "SELECT", "SELECT_V2", "SLICE", "TRANSPOSE", asks=_ANY,
        ),
        **each(*_COMPARED, asks=(*_ANY, computed(1, 2))),
        **each("LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR", "REDUCE_ALL", "REDUCE_ANY", asks=_ANY),
        **each("ARG_MAX", "TOPK_V2", "EMBEDDING_LOOKUP", "DYNAMIC_UPDATE_SLICE", asks=_COUNTED),
        "STRIDED_SLICE": (*_ANY, *_PLAIN_SLICE),
    },
    (rank(4),),
)  # fmt: skip

_EITHER = (types(*_FLOATS, *_BYTES),)
_FLOAT = (types(*_FLOATS),)
NNAPI = Delegate(
    "NNAPI, Android 11 or later (deprecated in 15)",
    "Validate in nnapi_delegate.cc of TensorFlow Lite, for NNAPI 1.3; drivers refuse more",
    {
        **each(
            "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED",
            "HARD_SWISH", "L2_NORMALIZATION", "LEAKY_RELU", "LOGISTIC", "MAX_POOL_2D", "PAD",
            "PADV2", "PRELU", "QUANTIZE", "RELU", "RELU6", "RELU_N1_TO_1", "RESHAPE",
            "RESIZE_NEAREST_NEIGHBOR", "SOFTMAX", "SPACE_TO_DEPTH", "DEPTH_TO_SPACE",
            "STRIDED_SLICE", "TANH", "TRANSPOSE_CONV", "DEQUANTIZE", asks=_EITHER,
        ),
        **each(
            "ADD", "MUL", "SUB", "MEAN", "MAXIMUM", "MINIMUM", "SLICE", "SPLIT", "SPLIT_V",
            "TRANSPOSE", "TILE", "GATHER", "EXPAND_DIMS", "SQUEEZE", "PACK", "UNPACK", "NEG",
            "REDUCE_MAX", "REDUCE_MIN", "FILL", "TOPK_V2", "ARG_MAX", "ARG_MIN", "CAST",
            "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND",
            asks=(types(*_FLOATS, *_BYTES, "int32"),),
        ),
        **each(
            "ABS", "COS", "DIV", "ELU", "EXP", "FLOOR", "LOG", "LOG_SOFTMAX", "POW",
            "REDUCE_PROD", "RSQRT", "SIN", "SQRT", "SUM", asks=_FLOAT,
        ),
        **each(*_COMPARED, "SELECT", asks=(types(*_FLOATS, *_BYTES, "int32", "bool"),)),
        **each("LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR", "REDUCE_ANY", asks=(types("bool"),)),
        "RESIZE_BILINEAR": (*_EITHER, rank(4, 4)),
        "UNIDIRECTIONAL_SEQUENCE_LSTM": (*_FLOAT, unmixed),
    },
    (rank(4),),
    parts=3,
    versions={
        "ABS": 1, "ADD": 2, "AVERAGE_POOL_2D": 2, "CAST": 1, "CONCATENATION": 2, "CONV_2D": 5,
        "DEPTHWISE_CONV_2D": 3, "DEQUANTIZE": 2, "DIV": 1, "EXP": 1, "FILL": 1,
        "FULLY_CONNECTED": 5, "GATHER": 2, "LEAKY_RELU": 1, "LOG": 1, "LOGISTIC": 2,
        "MAXIMUM": 3, "MAX_POOL_2D": 2, "MEAN": 2, "MINIMUM": 3, "MUL": 2, "PACK": 2, "PAD": 2,
        "PADV2": 2, "POW": 1, "PRELU": 1, "QUANTIZE": 2, "REDUCE_MAX": 2, "REDUCE_MIN": 2,
        "RELU": 2, "RELU6": 2, "RESHAPE": 1, "RESIZE_BILINEAR": 3, "RESIZE_NEAREST_NEIGHBOR": 3,
        "RSQRT": 2, "SELECT": 2, "SLICE": 2, "SOFTMAX": 2, "SPLIT": 3, "SPLIT_V": 2, "SQRT": 1,
        "STRIDED_SLICE": 2, "SUB": 3, "SUM": 1, "TANH": 2, "TILE": 1, "TOPK_V2": 2,
        "TRANSPOSE": 2, "TRANSPOSE_CONV": 4, "UNPACK": 2,
    },
)  # fmt: skip

_UNFUSED = (plain("fusedActivationFunction"),)
EDGE_TPU = Delegate(
    "Edge TPU",
    "Coral's documentation, models on the Edge TPU: supported operations (as ARTPEC-7's list "
    "repeats them up to ResizeBilinear; the rest unverified, from memory)",
    {
        **each(
            "ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "EXPAND_DIMS", "FULLY_CONNECTED",
            "L2_NORMALIZATION", "LOGISTIC", "MAXIMUM", "MEAN", "MINIMUM", "MUL", "PACK", "PAD",
            "PRELU", "QUANTIZE", "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU6", "RELU_N1_TO_1",
            "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SLICE", "SOFTMAX",
            "SPACE_TO_DEPTH", "SPLIT", "SQUARED_DIFFERENCE", "SQUEEZE", "SUB", "SUM", "TANH",
            "TRANSPOSE", "TRANSPOSE_CONV", "UNIDIRECTIONAL_SEQUENCE_LSTM",
        ),
        **each("AVERAGE_POOL_2D", "CONCATENATION", "MAX_POOL_2D", asks=_UNFUSED),
        "STRIDED_SLICE": (plain("ellipsisMask"), plain("newAxisMask")),
    },
    (types(*_BYTES), one_picture),
    only_first=True,
)  # fmt: skip

ALL = (GPU, DRIFT, NNAPI, EDGE_TPU)
