"""The version of the file format: which one an operator set came with, and what it can hold."""

from __future__ import annotations

from collections.abc import Iterator

import onnx.helper
import onnx_ir as ir

from mcompile import graph
from mcompile.errors import LoweringError

_FIRST_IN = {
    "FLOAT8E4M3FN": 9,
    "FLOAT8E4M3FNUZ": 9,
    "FLOAT8E5M2": 9,
    "FLOAT8E5M2FNUZ": 9,
    "UINT4": 10,
    "INT4": 10,
    "FLOAT4E2M1": 11,
    "FLOAT8E8M0": 12,
    "UINT2": 13,
    "INT2": 13,
}


def of_opset(version: int) -> int:
    """The version of the format that was current when the operator set was published."""
    return int(onnx.helper.OP_SET_ID_VERSION_MAP.get(("ai.onnx", version), 13))


def cap(model: ir.Model, newest: int) -> None:
    """Write the model in that version of the format or an older one, in place.

    Raises `LoweringError` naming the value or node whose type that version does not have.
    """
    if model.ir_version <= newest:
        return
    for name, dtype in _types(model):
        if _FIRST_IN.get(dtype.name, 0) > newest:
            raise LoweringError(
                f"{dtype.name.lower()} is not a type of version {newest} of the format",
                where=name,
                fix="quantize to 8 bits, or choose a target that reads newer models",
            )
    model.ir_version = newest


def _types(model: ir.Model) -> Iterator[tuple[str, ir.DataType]]:
    """Every type of element that stands in the model, with where it stands."""
    for each in (model.graph, *model.graph.subgraphs()):
        for value in graph.values(each):
            if value.dtype is not None:
                yield f"the value {value.name}", value.dtype
            if value.const_value is not None:
                yield f"the constant {value.name}", value.const_value.dtype
        for node in each:
            for attribute in node.attributes.values():
                if attribute.type == ir.AttributeType.TENSOR:
                    yield f"{node.op_type} {node.name or ''}".strip(), attribute.as_tensor().dtype
