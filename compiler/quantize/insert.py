"""Writes a plan into a program as Q/DQ pairs, the only quantized form between stages.

x  ->  DequantizeLinear(QuantizeLinear(x, s, z), s, z)
w  ->  DequantizeLinear(q, s_w, 0, axis)          q stored as int8
b  ->  DequantizeLinear(round(b / (s_x * s_w)))   stored as int32
"""

from __future__ import annotations

from functools import partial

import numpy as np
import onnx_ir as ir

from mcompile.graph import (
    array,
    clone,
    constant,
    fresh,
    name_of,
    naming,
    opset,
    program,
    sizes,
    values,
)
from mcompile.quantize.biases import move
from mcompile.quantize.shield import shield
from mcompile.quantize.weights import encode
from mcompile.types import Array, Program, QParams, QuantPlan, Scheme

_INT32 = 2**31 - 1
_PER_AXIS = 13  # the operator set from which on DequantizeLinear has an axis
Stored = dict[str, list[ir.Value]]


def insert(source: Program, plan: QuantPlan, scheme: Scheme) -> Program:
    """A copy of the program with the plan's Q/DQ pairs; the source is left as it was.

    A value that an integer kernel makes is read in its dequantized form by everyone. Any other is
    read so by integer nodes only: a residual beside a linear layer keeps its full precision.
    The plan's shifts are added to the biases before these become integers.
    Codes of large weights are computed when they are written, not held.
    """
    target = clone(source)
    graph = target.graph.graph
    integers = [n for n in graph if _is_integer(n, plan, scheme)]
    made = {handed_on(n, scheme) for n in integers if n.op_type not in _open(scheme)}
    held = [v for v in values(graph) if name_of(v) in plan.tensors and v.const_value is None]
    with naming(target.graph):
        move(graph, plan.shifts)
        stored: Stored = {}
        for node in integers:
            if node.op_type in scheme.weighted:
                _insert_weight(graph, node, plan, stored)
        for value in held:
            _insert_pair(graph, value, plan, None if value in made else integers)
        if opset(source) >= _PER_AXIS:
            shield(graph)
    for name in [n for n, v in graph.initializers.items() if not v.uses()]:
        del graph.initializers[name]
    graph.sort()
    return program(source.name, target.graph)


def _open(scheme: Scheme) -> frozenset[str]:
    """Ops whose integer kernels can hand on float values."""
    return scheme.weighted - scheme.closed


def _is_integer(node: ir.Node, plan: QuantPlan, scheme: Scheme) -> bool:
    if node.domain or node.op_type not in scheme.weighted | scheme.carried:
        return False
    if name_of(node.outputs[0]) in plan.left_float:
        return False
    needed = [v for v in node.inputs[:2] if v is not None]
    if node.op_type not in scheme.weighted:
        needed = [*(v for v in node.inputs if v is not None and not v.const_value), *node.outputs]
    return all(name_of(v) in plan.tensors for v in needed)


def handed_on(node: ir.Node, scheme: Scheme) -> ir.Value:
    """What the node's kernel really writes: the output of the activation it absorbs, if any."""
    users = node.outputs[0].consumers()
    if node.op_type in scheme.closed and len(users) == 1 and users[0].op_type in scheme.absorbed:
        return users[0].outputs[0]
    return node.outputs[0]


def _insert_pair(
    graph: ir.Graph, value: ir.Value, plan: QuantPlan, readers: list[ir.Node] | None
) -> None:
    name = name_of(value)
    params = plan.tensors[name]
    uses = [u for u in value.uses() if readers is None or u.node in readers]
    scale = constant(graph, f"{name}.scale", np.asarray(params.scale, np.float32))
    zero = constant(graph, f"{name}.zero_point", np.asarray(params.zero_point, params.dtype))
    coded = _append(graph, "QuantizeLinear", [value, scale, zero], f"{name}.integer")
    coded.type, coded.shape = zero.type, value.shape
    real = _append(graph, "DequantizeLinear", [coded, scale, zero], f"{name}.real")
    real.type, real.shape = value.type, value.shape
    for use in uses:
        use.node.replace_input_with(use.idx, real)


def _insert_weight(graph: ir.Graph, node: ir.Node, plan: QuantPlan, stored: Stored) -> None:
    weight, bias = node.inputs[1], node.inputs[2] if len(node.inputs) > 2 else None
    if weight is None or weight.const_value is None:
        return
    name, tensor = name_of(weight), weight.const_value
    params = plan.tensors[name]
    if name not in stored:
        chosen = plan.codes.get(name)
        encoded = partial(_encoded, tensor, params, chosen)
        codes = ir.LazyTensor(encoded, ir.DataType.INT8, sizes(tensor))
        stored[name] = _store(graph, name, codes, params)
    node.replace_input_with(1, _read(graph, name, stored[name], params))
    reals = array(bias)
    if reals is not None and reals.ndim == 1:
        integers, parts = _bias(reals, plan.tensors[name_of(node.inputs[0])], params)
        kept = _store(graph, name_of(bias), integers, parts)
        node.replace_input_with(2, _read(graph, name_of(bias), kept, parts))


def _encoded(tensor: ir.TensorProtocol, params: QParams, chosen: Array | None) -> ir.TensorProtocol:
    return ir.tensor(encode(tensor.numpy(), params) if chosen is None else chosen)


def _bias(bias: Array, data: QParams, weight: QParams) -> tuple[Array, QParams]:
    scale = (data.scale.astype(np.float64) * weight.scale).astype(np.float32)
    codes = np.clip(np.rint(bias / scale.astype(np.float64)), -_INT32, _INT32).astype(np.int32)
    axis = 0 if scale.ndim else None
    return codes, QParams(scale, np.zeros_like(scale, np.int32), "int32", axis)


def _store(
    graph: ir.Graph, name: str, codes: Array | ir.LazyTensor, params: QParams
) -> list[ir.Value]:
    """Codes, scale and zero point as constants of the file."""
    return [
        constant(graph, f"{name}.integer", codes),
        constant(graph, f"{name}.scale", params.scale),
        constant(graph, f"{name}.zero_point", np.asarray(params.zero_point, params.dtype)),
    ]


def _read(graph: ir.Graph, name: str, kept: list[ir.Value], params: QParams) -> ir.Value:
    """The real form of stored integers, for one reader: runtimes fuse it into that one."""
    axis = {} if params.axis is None else {"axis": params.axis}
    real = _append(graph, "DequantizeLinear", kept, f"{name}.real", axis)
    real.dtype, real.shape = ir.DataType.FLOAT, kept[0].shape
    return real


def _append(
    graph: ir.Graph,
    op: str,
    inputs: list[ir.Value],
    output: str,
    attributes: dict[str, int] | None = None,
) -> ir.Value:
    name = fresh(graph, output)
    node = ir.node(op, inputs, attributes or {}, name=name)
    node.outputs[0].name = name
    graph.append(node)
    return node.outputs[0]
