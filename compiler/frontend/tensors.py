"""Whether an initializer holds what its type and shape say."""

from __future__ import annotations

import math

import onnx
import onnx_ir as ir

from mcompile.errors import SourceError

_FIELDS = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")


def check_tensor(tensor: onnx.TensorProto, label: str) -> None:
    """Raise `SourceError` for a type that does not exist, a negative size, or too few or many data.

    Data in a file of its own is not looked at.
    """
    where = f"{label}, tensor {tensor.name or 'without a name'}"
    if wrong := _wrong(tensor):
        raise SourceError(wrong, where=where, fix="export or download the model again")


def _wrong(tensor: onnx.TensorProto) -> str:
    if not tensor.name:
        return "an initializer has no name"
    if tensor.data_type not in onnx.TensorProto.DataType.values() or not tensor.data_type:
        return f"{tensor.data_type} is not an element type"
    if any(d < 0 for d in tensor.dims):
        return f"{list(tensor.dims)} is not a shape"
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.HasField("segment"):
        return ""
    return _miscounted(tensor)


def _miscounted(tensor: onnx.TensorProto) -> str:
    count, kind = math.prod(tensor.dims), ir.DataType(tensor.data_type)
    if tensor.HasField("raw_data"):
        if kind == ir.DataType.STRING:
            return "text cannot be stored as raw data"
        need, held = math.ceil(count * kind.bitwidth / 8), len(tensor.raw_data)
        unit = "bytes"
    else:
        held = max(len(getattr(tensor, field)) for field in _FIELDS)
        # Complex numbers are stored as two; several small ones are packed into one.
        pair = 2 if kind in (ir.DataType.COMPLEX64, ir.DataType.COMPLEX128) else 1
        packed = 8 // kind.bitwidth if kind != ir.DataType.STRING and kind.bitwidth < 8 else 1
        need, unit = math.ceil(count * pair / packed), "values"
    return "" if held == need else f"{held} {unit} where its type and shape need {need}"
