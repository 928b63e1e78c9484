"""Weights, biases and other constants of a file, as the integers that a plan makes of them.

w  ->  DequantizeLinear(q, s_w, 0, axis)                    q stored as int8
w  ->  DequantizeLinear(QuantizeLinear(w), s_w, 0, axis)    where a file cannot hold q
b  ->  DequantizeLinear(round(b / (s_x * s_w)))             stored as int32
b  ->  s_x * s_w * round(b / (s_x * s_w))                   int64: ONNX has no such Q/DQ
c  ->  DequantizeLinear(q, s, z)                            q stored as an activation is
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import onnx_ir as ir

from mcompile.graph import array, constant, fresh, integer, is_constant, name_of, sizes
from mcompile.quantize.edges import bias_of, is_layer, read
from mcompile.quantize.weights import encode
from mcompile.types import Array, QParams, QuantPlan, Scheme

_INT32 = 2**31 - 1


class Constants:
    """Writes constants into one graph; what several nodes read is stored once."""

    def __init__(self, graph: ir.Graph, plan: QuantPlan, scheme: Scheme) -> None:
        self._graph, self._plan, self._scheme = graph, plan, scheme
        self._stored: dict[str, list[ir.Value]] = {}

    def write(self, node: ir.Node) -> None:
        """Let the node read its constants in the form that the plan gives them."""
        if is_layer(node, self._scheme):
            behind = bias_of(node) if self._scheme.integer_only else None
            step = self._plan.tensors[name_of(node.inputs[0])].scale.astype(np.float64)
            scale = step * self._plan.tensors[name_of(node.inputs[1])].scale
            self._weight(node)
            self._bias(node, *(behind or (node, 2)), scale)
        elif node.op_type in self._scheme.weighted | self._scheme.carried:
            for index, value in enumerate(node.inputs):
                if is_constant(value) and value in read(node):
                    self._operand(node, index)

    def _weight(self, node: ir.Node) -> None:
        weight = node.inputs[1]
        tensor = weight.const_value if weight is not None else None
        if tensor is None:
            return
        name, params = name_of(weight), self._plan.tensors[name_of(weight)]
        chosen = self._plan.codes.get(name)
        if name not in self._stored and self._scheme.stores_weights:
            codes = partial(_encoded, tensor, params, chosen)
            self._store(name, ir.LazyTensor(codes, ir.DataType.INT8, sizes(tensor)), params)
        elif name not in self._stored:
            self._code(name, weight, params, chosen)
        node.replace_input_with(1, self._read(name, params))

    def _code(
        self, name: str, weight: ir.Value | None, params: QParams, chosen: Array | None
    ) -> None:
        """A QuantizeLinear on the real weight; chosen codes come back from their own multiples."""
        if chosen is not None:
            shape = [1] * chosen.ndim
            if params.axis is not None:
                shape[params.axis] = -1
            real = (chosen * params.scale.reshape(shape)).astype(np.float32)
            weight = constant(self._graph, name, real)
        kept = scale_of(self._graph, name, params)
        inputs = [weight, *kept]
        coded = append(self._graph, "QuantizeLinear", inputs, f"{name}.integer", _axis(params))
        coded.type, coded.shape = kept[1].type, weight.shape if weight is not None else None
        self._stored[name] = [coded, *kept]

    def _bias(self, node: ir.Node, reader: ir.Node, index: int, scale: Array) -> None:
        bias = reader.inputs[index] if len(reader.inputs) > index else None
        reals = array(bias)
        if reals is None or self._scheme.bias == "float32" or (reader is node and reals.ndim != 1):
            return
        if scale.ndim and node.op_type == "ConvTranspose":
            scale = np.tile(scale, integer(node, "group", 1))
        kept = scale.astype(np.float32)
        codes = np.rint(reals / kept.astype(np.float64))
        name = name_of(bias)
        if self._scheme.bias == "int64":
            real = (codes * kept).astype(np.float32)
            reader.replace_input_with(index, constant(self._graph, f"{name}.rounded", real))
            return
        axis = reals.ndim - 1 if kept.ndim else None
        params = QParams(kept, np.zeros_like(kept, np.int32), "int32", axis)
        own = f"{name}@{name_of(node.outputs[0])}"
        self._store(own, np.clip(codes, -_INT32, _INT32).astype(np.int32), params, name)
        reader.replace_input_with(index, self._read(own, params, name))

    def _operand(self, node: ir.Node, index: int) -> None:
        """A constant that a kernel adds, joins or multiplies as it does computed values."""
        value = node.inputs[index]
        name, data = name_of(value), array(value)
        params = self._plan.tensors.get(name)
        if params is None or data is None:
            return
        if name not in self._stored:
            ends = np.iinfo(params.dtype)
            codes = np.rint(data / params.scale) + params.zero_point
            self._store(name, np.clip(codes, ends.min, ends.max).astype(params.dtype), params)
        node.replace_input_with(index, self._read(name, params))

    def _store(
        self, key: str, codes: Array | ir.LazyTensor, params: QParams, name: str = ""
    ) -> None:
        """Codes, scale and zero point as constants of the file."""
        stem = name or key
        stored = constant(self._graph, f"{stem}.integer", codes)
        self._stored[key] = [stored, *scale_of(self._graph, stem, params)]

    def _read(self, key: str, params: QParams, name: str = "") -> ir.Value:
        """The real form of stored integers, for one reader: runtimes fuse it into that one."""
        kept = self._stored[key]
        stem = f"{name or key}.real"
        real = append(self._graph, "DequantizeLinear", kept, stem, _axis(params))
        real.dtype, real.shape = ir.DataType.FLOAT, kept[0].shape
        return real


def scale_of(graph: ir.Graph, name: str, params: QParams) -> list[ir.Value]:
    """Scale and zero point as constants of the file."""
    return [
        constant(graph, f"{name}.scale", np.asarray(params.scale, np.float32)),
        constant(graph, f"{name}.zero_point", np.asarray(params.zero_point, params.dtype)),
    ]


def append(
    graph: ir.Graph,
    op: str,
    inputs: Sequence[ir.Value | None],
    output: str,
    attributes: dict[str, int] | None = None,
) -> ir.Value:
    """The output of a new node at the end of the graph, which is to be sorted."""
    name = fresh(graph, output)
    node = ir.node(op, inputs, attributes or {}, name=name)
    node.outputs[0].name = name
    graph.append(node)
    return node.outputs[0]


def _axis(params: QParams) -> dict[str, int]:
    return {} if params.axis is None else {"axis": params.axis}


def _encoded(tensor: ir.TensorProtocol, params: QParams, chosen: Array | None) -> ir.TensorProtocol:
    return ir.tensor(encode(tensor.numpy(), params) if chosen is None else chosen)
