"""What the compiler would compute otherwise in silence, or refuse without naming the place."""

from __future__ import annotations

import onnx_ir as ir

from mcompile.bounds import demand_bounds
from mcompile.errors import LoweringError
from mcompile.graph import name_of, values
from mcompile.types import Program

_HELD = {
    *(ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.BOOL),
    *(ir.DataType.INT4, ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT32, ir.DataType.INT64),
}


def demand(program: Program) -> None:
    """Raise `LoweringError` for what no engine holds.

    That is a free size behind the leading one, as nobody has told its bounds, and a type that the
    compiler has not: 64-bit floats it would compute in 32 bits, others it refuses.
    """
    demand_bounds(program, "TensorRT-RTX")
    for value in values(program.graph.graph):
        if value.dtype is not None and value.dtype not in _HELD:
            raise LoweringError(
                f"TensorRT-RTX has no numbers of type {value.dtype.name.lower()}",
                where=_place(value),
                fix="export the model in float32 and int64, or --backend onnxruntime",
            )


def _place(value: ir.Value) -> str:
    node = value.producer()
    if node is None:
        return f"{'input' if value.is_graph_input() else 'constant'} {name_of(value)}"
    return f"node {node.name or name_of(node.outputs[0])} ({node.op_type})"
