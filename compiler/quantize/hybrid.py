"""Constant weights of layers as int8 codes beside float activations: no calibration.

    Conv(x, w, b)  ->  Conv(x, DequantizeLinear(q, s), b)        one scale for each output channel

LiteRT's kernels read such weights as they are, and measure each row of the activations as it
arrives (`kernels/fully_connected.cc`, `EvalHybrid`). Every layer of a weight reads one constant.
"""

from __future__ import annotations

import onnx_ir as ir

from mcompile.errors import Broken
from mcompile.graph import (
    array,
    clone,
    constant,
    fresh,
    is_constant,
    name_of,
    naming,
    program,
    sizes,
)
from mcompile.quantize.edges import is_plain_gemm
from mcompile.quantize.weights import encode, scales
from mcompile.types import Program, QParams, QuantPlan, Scheme

_KERNELLESS = {"ConvTranspose"}
_LEAST_WEIGHTS = 1024
"""A layer of fewer is smaller as it is: its scales and the work of measuring cost more."""


def hybrid(source: Program, scheme: Scheme) -> tuple[Program, QuantPlan]:
    """A copy whose layers read int8 weights and float activations, and the plan of its weights."""
    target, tensors, left = clone(source), dict[str, QParams](), dict[str, str]()
    graph = target.graph.graph
    stored: dict[tuple[str, int | None], list[ir.Value]] = {}
    with naming(target.graph):
        for node in [n for n in graph if not n.domain and n.op_type in scheme.weighted]:
            reason = _reason_to_leave(node)
            if reason:
                left[name_of(node.outputs[0])] = reason
                continue
            weight, data = node.inputs[1], array(node.inputs[1])
            if weight is None or data is None:
                raise Broken("a layer without a weight", where=name_of(node.outputs[0]))
            params = scales(node, data, scheme)
            key = name_of(weight), params.axis
            if key not in stored:
                stored[key] = _stored(graph, weight, params)
                tensors[name_of(weight)] = params
            _read(graph, node, stored[key], params)
    for name in [n for n, v in graph.initializers.items() if not v.uses()]:
        del graph.initializers[name]
    return program(source.name, target.graph), QuantPlan(tensors, left)


def _reason_to_leave(node: ir.Node) -> str:
    weight = node.inputs[1]
    if weight is None or not is_constant(weight) or weight.dtype != ir.DataType.FLOAT:
        return "its weight is not a float32 constant"
    volume = node.op_type == "Conv" and weight.shape is not None and weight.shape.rank() > 4
    if volume or node.op_type in _KERNELLESS:
        return f"no kernel of this {node.op_type} measures its activations"
    if node.op_type in ("MatMul", "Gemm") and (weight.shape is None or weight.shape.rank() != 2):
        return "its weight is not a matrix"
    if node.op_type == "Gemm" and not is_plain_gemm(node):
        return "alpha, beta or transA are not plain"
    if weight.const_value is None or weight.const_value.size < _LEAST_WEIGHTS:
        return f"it has fewer than {_LEAST_WEIGHTS} weights"
    return ""


def _stored(graph: ir.Graph, weight: ir.Value, params: QParams) -> list[ir.Value]:
    """Codes, computed when they are written, and a scale for each output channel."""
    tensor, name = weight.const_value, name_of(weight)
    if tensor is None:
        raise Broken("a weight without numbers", where=name)
    codes = ir.LazyTensor(
        lambda: ir.tensor(encode(tensor.numpy(), params)), ir.DataType.INT8, sizes(tensor)
    )
    scale = constant(graph, f"{name}.scale", params.scale)
    return [constant(graph, f"{name}.integer", codes), scale]


def _read(graph: ir.Graph, node: ir.Node, stored: list[ir.Value], params: QParams) -> None:
    label = fresh(graph, f"{name_of(node.outputs[0])}.weight")
    attributes = {} if params.axis is None else {"axis": params.axis}
    real = ir.node("DequantizeLinear", stored, attributes, name=label)
    real.outputs[0].name = label
    real.outputs[0].dtype, real.outputs[0].shape = ir.DataType.FLOAT, stored[0].shape
    graph.insert_before(node, real)
    node.replace_input_with(1, real.outputs[0])
