"""What TensorRT asks of Q/DQ pairs.

Sources: onnx-tensorrt, `QuantDequantLinearHelper` of 8.2, 8.5, 8.6 and 10.1: three inputs, scales
that are positive, a zero point of 0, as many scales as channels; issue 850: biases are not
dequantized from int32. NVIDIA, TensorRT Developer Guide, "Working with Quantized Types":
activations have one scale a tensor. 8.x knows no integer constants (`TENSORRT_8`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir
from packaging.version import Version

from mcompile.backends.tensorrt.limits import Limit
from mcompile.graph import array, is_constant
from mcompile.types import Program

STORED = Version("10.0")
"""The first release that reads integer constants."""

_Q, _DQ = "QuantizeLinear", "DequantizeLinear"


def has_pairs(program: Program) -> bool:
    """Whether anything in the program is quantized."""
    return any(n.op_type in (_Q, _DQ) for n in program.graph.graph.all_nodes())


def pairs(node: ir.Node) -> Iterator[Limit]:
    """What stands against a QuantizeLinear or DequantizeLinear; nothing for any other op."""
    if node.op_type not in (_Q, _DQ):
        return
    value, scale = node.inputs[0], array(node.inputs[1])
    zero = array(node.inputs[2]) if len(node.inputs) > 2 else None
    integers = value if node.op_type == _DQ else node.outputs[0]
    if scale is None or (scale <= 0).any():
        yield None, "takes scales that are constants above 0"
    elif scale.size > 1 and not _is_weight(value):
        yield None, "has one scale for a tensor that is computed"
    if scale is not None and scale.dtype != np.float32:
        yield STORED, f"reads scales of {scale.dtype} as float32"
    if zero is None:
        yield Version("9.0"), "asks for a zero point"
    elif zero.any():
        yield None, "takes the zero point 0 only"
    if integers is not None and integers.dtype not in (None, ir.DataType.INT8):
        yield None, f"has no pairs of {str(integers.dtype).lower()}"
    if node.op_type == _DQ and is_constant(value):
        yield STORED, "takes real constants behind a QuantizeLinear, no integer ones"


def _is_weight(value: ir.Value | None) -> bool:
    """Whether the value is a constant, or one that went through a QuantizeLinear."""
    maker = value.producer() if value is not None else None
    if maker is not None and maker.op_type == _Q:
        return is_constant(maker.inputs[0])
    return is_constant(value)


def has_real_weights(program: Program) -> bool:
    """Whether constants are real behind a QuantizeLinear, as TensorRT 8 reads them."""
    return any(
        n.op_type == _Q and is_constant(n.inputs[0]) for n in program.graph.graph.all_nodes()
    )


def integer_layers(program: Program) -> int:
    """How many weighted ops read their data and their weight from pairs."""
    weighted = ("Conv", "ConvTranspose", "Gemm", "MatMul")
    return sum(
        n.op_type in weighted and all(map(_is_dequantized, n.inputs[:2]))
        for n in program.graph.graph.all_nodes()
    )


def half_layers(program: Program) -> int:
    """How many ops compute in float16, Casts aside."""
    half = ir.DataType.FLOAT16
    return sum(
        n.op_type != "Cast" and any(v.dtype == half for v in n.outputs)
        for n in program.graph.graph.all_nodes()
    )


def _is_dequantized(value: ir.Value | None) -> bool:
    maker = value.producer() if value is not None else None
    return maker is not None and maker.op_type == _DQ
