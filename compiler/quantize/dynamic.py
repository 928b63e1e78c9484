"""Linear layers on integers with no calibration: each activation is measured as it arrives.

    a, s_a, z_a = DynamicQuantizeLinear(x)
    y = float(MatMulInteger(a, q, z_a)) * (s_a * s_w) + b          w ~ s_w * q, per column

Convolutions stay float: their dynamic integer kernel is slower than the float one on CPUs.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import onnx_ir as ir

from mcompile.errors import Broken
from mcompile.graph import clone, constant, is_constant, name_of, program, replace, sizes
from mcompile.quantize.edges import is_plain_gemm
from mcompile.quantize.hybrid import hybrid
from mcompile.quantize.weights import encode, scales
from mcompile.types import Program, QParams, QuantPlan, Scheme

_OPS = {"MatMul", "Gemm"}


def dynamic(source: Program, scheme: Scheme) -> tuple[Program, QuantPlan]:
    """A copy whose linear layers quantize their input at run time, and the plan of its weights.

    A runtime of integers alone does so in its own kernels: it is given the weights (`hybrid`).
    """
    if scheme.integer_only:
        return hybrid(source, scheme)
    target = clone(source)
    graph = target.graph.graph
    tensors: dict[str, QParams] = {}
    left: dict[str, str] = {}
    for node in [n for n in graph if not n.domain and n.op_type in scheme.weighted]:
        reason = _reason_to_leave(node)
        if reason:
            left[name_of(node.outputs[0])] = reason
        else:
            weight = name_of(node.inputs[1])
            tensors[weight] = _rewrite(graph, node, scheme)
    for name in [n for n, v in graph.initializers.items() if not v.uses()]:
        del graph.initializers[name]
    return program(source.name, target.graph), QuantPlan(tensors, left)


def _reason_to_leave(node: ir.Node) -> str:
    if node.op_type not in _OPS:
        return f"{node.op_type} is slower on integers without fixed ranges"
    weight = node.inputs[1]
    if weight is None or not is_constant(weight) or weight.dtype != ir.DataType.FLOAT:
        return "its weight is not a float32 constant"
    if weight.shape is None or weight.shape.rank() != 2:
        return "its weight is not a matrix"
    if node.op_type == "Gemm" and not is_plain_gemm(node):
        return "alpha, beta or transA are not plain"
    return ""


def _rewrite(graph: ir.Graph, node: ir.Node, scheme: Scheme) -> QParams:
    weight, data = node.inputs[1], node.inputs[0]
    tensor = weight.const_value if weight is not None else None
    if tensor is None or data is None:
        raise Broken("a linear layer without data or weight", where=node.name or node.op_type)
    name, out = name_of(weight), name_of(node.outputs[0])
    params = scales(node, tensor.numpy(), scheme)
    turned = node.op_type == "Gemm" and node.attributes.get_int("transB", 0) == 1
    shape = ir.Shape([*sizes(tensor)][::-1]) if turned else sizes(tensor)
    codes = ir.LazyTensor(partial(_encoded, tensor, params, turned), ir.DataType.INT8, shape)
    stored = constant(graph, f"{name}.integer", codes)
    scale = constant(graph, f"{name}.scale", np.atleast_1d(params.scale))
    zero = constant(graph, f"{name}.zero_point", np.zeros((), np.int8))
    measured = ir.node("DynamicQuantizeLinear", [data], num_outputs=3, name=f"{out}.measured")
    code, step, middle = measured.outputs
    product = ir.node("MatMulInteger", [code, stored, middle, zero], name=f"{out}.integer")
    cast = ir.node("Cast", [product.outputs[0]], {"to": ir.DataType.FLOAT}, name=f"{out}.cast")
    both = ir.node("Mul", [step, scale], name=f"{out}.scale")
    made = [measured, product, cast, both]
    made.append(ir.node("Mul", [cast.outputs[0], both.outputs[0]], name=f"{out}.real"))
    if len(node.inputs) > 2 and node.inputs[2] is not None:
        made.append(ir.node("Add", [made[-1].outputs[0], node.inputs[2]], name=f"{out}.bias"))
    last = made[-1].outputs[0]
    last.type, last.shape = node.outputs[0].type, node.outputs[0].shape
    graph.insert_before(node, made)
    replace(node.outputs[0], last)
    graph.remove(node, safe=True)
    last.name = out
    return params


def _encoded(tensor: ir.TensorProtocol, params: QParams, turned: bool) -> ir.TensorProtocol:
    codes = encode(tensor.numpy(), params)
    return ir.tensor(np.ascontiguousarray(codes.T) if turned else codes)
