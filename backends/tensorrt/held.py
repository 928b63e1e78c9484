"""Which types TensorRT holds, where, and from which release on.

Source: onnx-tensorrt, `convertDtype` of the releases 8.2, 8.5 and 10.1 and the notes at the head of
`docs/operators.md`: float64 is computed in float32 and clamped, int64 in int32 and clamped before
9.0; bfloat16 came with 9.0; 8-bit integers are read and written by pairs alone; uint8 came with
8.5, for inputs and outputs of the network alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir
from packaging.version import Version

from mcompile.backends.tensorrt.limits import Limit
from mcompile.graph import array

_PLAIN = {
    ir.DataType.FLOAT,
    ir.DataType.FLOAT16,
    ir.DataType.INT32,
    ir.DataType.INT64,
    ir.DataType.BOOL,
}
_INT64 = Version("9.0")
_BOUNDS = np.iinfo(np.int32)
_PAIR = ("QuantizeLinear", "DequantizeLinear")
# Ends of slices: what lies beyond the tensor means its end, however far beyond.
_ENDS = {"Slice": (1, 2)}


def held(node: ir.Node) -> Iterator[Limit]:
    """What stands against the types of the node's inputs and outputs."""
    values = [*((v, False) for v in node.inputs), *((v, True) for v in node.outputs)]
    for place, (value, made) in enumerate(values):
        if value is not None and value.dtype is not None:
            yield from _type(node, value, made)
            if value.dtype == ir.DataType.INT64 and place not in _ENDS.get(node.op_type, ()):
                yield from _overflow(value)


def _type(node: ir.Node, value: ir.Value, made: bool) -> Iterator[Limit]:
    dtype = value.dtype
    if dtype in _PLAIN:
        return
    if dtype == ir.DataType.BFLOAT16:
        yield Version("9.0"), f"has no bfloat16 ({value.name})"
    elif dtype == ir.DataType.INT8 and node.op_type in _PAIR:
        return
    elif dtype == ir.DataType.UINT8 and node.op_type == "Cast":
        port = value.is_graph_output() if made else value.is_graph_input()
        yield (Version("8.5") if port else None), f"has uint8 at the network's ports ({value.name})"
    elif dtype == ir.DataType.DOUBLE:
        yield None, f"computes float64 in float32 ({value.name})"
    else:
        yield None, f"has no {str(dtype).lower()} here ({value.name})"


def _overflow(value: ir.Value) -> Iterator[Limit]:
    data = array(value)
    if data is not None and data.size and (data.max() > _BOUNDS.max or data.min() < _BOUNDS.min):
        yield _INT64, f"clamps the int64 constant {value.name} to 32 bits"
