"""The version of each operator: the lowest whose kernels read what the file says.

A runtime refuses an operator of a version that it does not know. Source of the numbers:
`tensorflow/lite/tools/versioning/op_version.cc`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mcompile.backends.litert.draft import Op
from mcompile.backends.litert.layers import (
    connected,
    conv,
    depthwise,
    is_by_channel,
    transposed,
    type_of,
)

_INT8 = {"int8": 2}
_BOTH = {"int8": 2, "int16": 3}
_BY_TYPE: Mapping[str, Mapping[str, int]] = {
    "ARG_MAX": {"bool": 3, "int8": 2},
    "ARG_MIN": {"bool": 3, "int8": 2},
    "AVERAGE_POOL_2D": _BOTH,
    "BATCH_MATMUL": _BOTH,
    "CONCATENATION": _BOTH | {"uint32": 4},
    "EQUAL": {"int8": 2, "int16": 5},
    "EXP": {"int8": 2, "int16": 2},
    "FLOOR_DIV": {"float32": 2, "int8": 3, "int16": 3},
    "FLOOR_MOD": {"int8": 2, "int16": 2},
    "GELU": {"int8": 2, "uint8": 2},
    "GREATER": _INT8,
    "GREATER_EQUAL": _BOTH,
    "LEAKY_RELU": {"int16": 2},
    "LESS": _BOTH,
    "LESS_EQUAL": _INT8,
    "LOG": {"int8": 2, "int16": 2},
    "LOGISTIC": _BOTH,
    "LOG_SOFTMAX": _INT8,
    "MAX_POOL_2D": _BOTH,
    "MEAN": _BOTH,
    "MIRROR_PAD": _BOTH,
    "NOT_EQUAL": {"int8": 2, "int16": 4},
    "PACK": _BOTH | {"uint32": 4},
    "RANGE": {"int64": 2},
    "REDUCE_MAX": _BOTH,
    "REDUCE_MIN": _BOTH,
    "REDUCE_PROD": {"int8": 2, "int16": 2},
    "RELU": {"int8": 2, "uint8": 2, "int16": 3},
    "RELU6": _BOTH,
    "REVERSE_V2": {"int8": 3, "bool": 2},
    "RSQRT": _BOTH,
    "SELECT_V2": {"uint32": 2},
    "SIGN": {"int32": 2},
    "SOFTMAX": _BOTH,
    "SPACE_TO_DEPTH": _INT8,
    "SPLIT_V": _INT8,
    "SQRT": {"int8": 2, "int16": 2},
    "SQUARED_DIFFERENCE": _INT8,
    "SUM": _INT8,
    "TANH": _BOTH,
    "TILE": {"int8": 3},
    "TOPK_V2": _BOTH,
    "UNPACK": {"int8": 2, "uint8": 2, "bool": 3, "int16": 4},
}


def version_of(op: Op) -> int:
    """The version that the file says of the operator."""
    found = _RULES.get(op.kind)
    if found is not None:
        return found(op)
    return _BY_TYPE.get(op.kind, {}).get(type_of(op, 0), 1)


def _rank(op: Op) -> int:
    return max(len(t.shape) for t in op.inputs if t is not None)


def _spreads(op: Op) -> bool:
    """Whether operands of more than four axes have different shapes."""
    shapes = {t.shape for t in op.inputs[:2] if t is not None}
    return len(shapes) > 1 and _rank(op) > 4


def _has_codes(op: Op) -> bool:
    return op.inputs[0] is not None and op.inputs[0].quant is not None


def _add(op: Op) -> int:
    codes = {"int8": 2, "int64": 4, "int16": 3 if _has_codes(op) else 5}
    return codes.get(type_of(op, 0), 1)


def _sub(op: Op) -> int:
    if type_of(op, 0) in ("int16", "int64"):
        return 5 if type_of(op, 0) == "int16" else 4
    return 3 if _spreads(op) else {"int8": 2}.get(type_of(op, 0), 1)


def _mul(op: Op) -> int:
    found = {"uint32": 7, "int64": 5, "int16": 4 if _has_codes(op) else 7}.get(type_of(op, 0))
    if found is not None:
        return found
    scales = [t.quant.scale[0] for t in (*op.inputs, *op.outputs) if t is not None and t.quant]
    if len(scales) == 3 and scales[0] * scales[1] / scales[2] >= 1.0:
        return 3
    return 2 if type_of(op, 0) == "int8" else 1


def _extreme(op: Op) -> int:
    if type_of(op, 0) == "int16":
        return 4
    return 3 if _spreads(op) else {"int8": 2}.get(type_of(op, 0), 1)


def _gather(op: Op) -> int:
    if type_of(op, 1) == "int16":
        return 6
    if op.fields.get("batchDims"):
        return 5
    return {"int16": 4, "bool": 3, "int8": 2}.get(type_of(op, 0), 1)


def _gather_nd(op: Op) -> int:
    if type_of(op, 0) == "bool":
        return 5
    return 4 if type_of(op, 1) == "int16" else 3 if type_of(op, 0) == "int16" else 1


def _transpose(op: Op) -> int:
    rank = _rank(op)
    if rank > 5:
        return 8 if rank > 6 else 6
    if type_of(op, 0) == "int16":
        return 5
    return 4 if rank > 4 else {"bool": 3, "int8": 2}.get(type_of(op, 0), 1)


def _slice(op: Op) -> int:
    if type_of(op, 0) == "uint32":
        return 6
    return 5 if _rank(op) > 4 else {"int16": 4, "int8": 2}.get(type_of(op, 0), 1)


def _strided(op: Op) -> int:
    if type_of(op, 0) == "uint32":
        return 7
    if op.fields.get("ellipsisMask") or op.fields.get("newAxisMask"):
        return 6
    return 4 if _rank(op) > 4 else {"bool": 3, "int8": 2}.get(type_of(op, 0), 1)


def _pad(op: Op) -> int:
    if type_of(op, 0) == "bool":
        return 5
    return 4 if _rank(op) > 4 else {"int16": 3, "int8": 2}.get(type_of(op, 0), 1)


def _dequantize(op: Op) -> int:
    if is_by_channel(op.inputs[0]):
        return 5
    return {"int16": 3, "float16": 3, "int8": 2}.get(type_of(op, 0), 1)


def _quantize(op: Op) -> int:
    if is_by_channel(op.outputs[0]):
        return 3
    return 2 if op.outputs[0].dtype == "int16" else 1


def _abs(op: Op) -> int:
    codes = {"int32": 5, "int16": 3 if _has_codes(op) else 4, "int8": 2, "uint8": 2}
    return codes.get(type_of(op, 0), 1)


def _cast(op: Op) -> int:
    both = {type_of(op, 0), op.outputs[0].dtype}
    order = (("float64", 5), ("float16", 5), ("uint16", 4), ("int8", 3), ("uint32", 2))
    return next((version for name, version in order if name in both), 1)


def _resized(op: Op) -> int:
    finer = op.fields.get("halfPixelCenters") or (
        op.kind == "RESIZE_NEAREST_NEIGHBOR" and op.fields.get("alignCorners")
    )
    return 4 if type_of(op, 0) == "int16" else 3 if finer else {"int8": 2}.get(type_of(op, 0), 1)


def _blocks(op: Op) -> int:
    source = op.inputs[0]
    flat = source is not None and len(source.shape) != 4
    return 4 if type_of(op, 0) == "int16" else 3 if flat else {"int8": 2}.get(type_of(op, 0), 1)


_RULES: Mapping[str, Callable[[Op], int]] = {
    "ABS": _abs,
    "ADD": _add,
    "BATCH_TO_SPACE_ND": _blocks,
    "BROADCAST_TO": lambda op: 3 if type_of(op, 0) in ("int8", "int16") else 2,
    "CAST": _cast,
    "CONV_2D": conv,
    "DEPTHWISE_CONV_2D": depthwise,
    "DEQUANTIZE": _dequantize,
    "DIV": lambda op: 2 if _spreads(op) else 1,
    "FILL": lambda op: {"int8": 3, "int16": 3, "bool": 2}.get(type_of(op, 1), 1),
    "FULLY_CONNECTED": connected,
    "GATHER": _gather,
    "GATHER_ND": _gather_nd,
    "L2_NORMALIZATION": lambda op: 2 if op.outputs[0].dtype == "int8" else 1,
    "MAXIMUM": _extreme,
    "MINIMUM": _extreme,
    "MUL": _mul,
    "PAD": _pad,
    "PADV2": _pad,
    "QUANTIZE": _quantize,
    "RESIZE_BILINEAR": _resized,
    "RESIZE_NEAREST_NEIGHBOR": _resized,
    "SELECT": lambda op: 3 if _rank(op) == 5 else {"int8": 2}.get(type_of(op, 0), 1),
    "SLICE": _slice,
    "SPACE_TO_BATCH_ND": _blocks,
    "SPLIT": lambda op: {"int8": 2, "int32": 3, "int16": 4}.get(type_of(op, 1), 1),
    "STRIDED_SLICE": _strided,
    "SUB": _sub,
    "TRANSPOSE": _transpose,
    "TRANSPOSE_CONV": transposed,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lambda op: 2 if type_of(op, 2) == "int8" else 1,
    "WHERE": lambda op: 1 if type_of(op, 0) == "bool" else 2,
}
