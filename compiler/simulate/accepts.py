"""What of an op the integer kernels can take; the rest is computed in floats, as it is written."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile.graph import integer
from mcompile.simulate.pools import reduced
from mcompile.simulate.resize import is_plain
from mcompile.simulate.steps import Step
from mcompile.types import QParams

_CURVES = {"HardSwish", "LeakyRelu", "Resize", "Sigmoid", "Softmax", "Tanh"}


def takes(step: Step) -> bool:
    """Whether the kernel of the step's op can compute this one."""
    node, first = step.node, step.reads[0].params
    if first is None or first.axis is not None:
        return first is None and node.op_type == "QuantizeLinear"
    if node.op_type in {"Conv", "ConvTranspose", "Gemm", "MatMul"}:
        return _takes_weights(node, step)
    if node.op_type in _CURVES:
        return _takes_curve(node, first, step.out.params)
    if node.op_type == "AveragePool":
        return not (integer(node, "ceil_mode", 0) and integer(node, "count_include_pad", 0))
    if node.op_type == "ReduceMean":
        return reduced(node, _rank(node.inputs[0])) is not None
    return all(r.params is not None and r.params.axis is None for r in step.reads)


def _takes_weights(node: ir.Node, step: Step) -> bool:
    weight = step.reads[1].params
    if weight is None:
        return False
    axis = 0 if node.op_type == "Conv" else 1
    if node.op_type == "Gemm":
        axis = 0 if integer(node, "transB", 0) else 1
        plain = node.attributes.get_float("beta", 1.0) == 1.0
        if not plain and len(step.reads) > 2:
            return False
    if node.op_type == "MatMul" and weight.axis is not None:
        rank = _rank(node.inputs[1])
        return rank > 1 and weight.axis == rank - 1
    return weight.axis in {None, axis}


def _takes_curve(node: ir.Node, data: QParams, out: QParams | None) -> bool:
    if out is None or data.dtype != out.dtype:
        return False
    same = bool(data.scale == out.scale and data.zero_point == out.zero_point)
    if node.op_type == "Resize":
        return same and is_plain(node)
    if node.op_type == "LeakyRelu":
        return node.attributes.get_float("alpha", 0.01) >= 0
    if "16" in data.dtype:
        unit = bool(out.scale == 2.0**-15) and not int(out.zero_point) and not int(data.zero_point)
        return unit and node.op_type != "HardSwish"
    if node.op_type == "Softmax":
        return bool(out.scale == 1 / 256) and int(out.zero_point) == np.iinfo(out.dtype).min
    return True


def _rank(value: ir.Value | None) -> int:
    return value.shape.rank() if value is not None and value.shape is not None else 0
