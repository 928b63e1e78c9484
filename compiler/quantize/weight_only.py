"""Constant weights of linear layers as integers, the arithmetic in float: no calibration.

    MatMul(x, w)  ->  MatMul(x, DequantizeLinear(q, s, z))
    Gemm(x, w, b) ->  Gemm(x, DequantizeLinear(q, s, z), b)        transB is undone in the codes

Eight bits have one scale for each output channel, four bits a scale and a zero point for each
block of rows (`blocks`). All of it is standard ONNX, the codes [K, N] and the blocks along axis 0:
the one form that runtimes look for, to compute with the integers as they are. Whatever they do not
find they make floats of, at every run.

Embedding tables (`embeddings`) are held in eight bits either way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import onnx_ir as ir

from mcompile.errors import Broken, LoweringError
from mcompile.graph import (
    clone,
    constant,
    fresh,
    integer,
    is_constant,
    name_of,
    naming,
    opset,
    program,
    sizes,
)
from mcompile.quantize import blocks
from mcompile.quantize.edges import is_plain_gemm
from mcompile.quantize.embeddings import Table, is_table, pick, store
from mcompile.quantize.weights import encode, scales
from mcompile.types import Array, Precision, Program, QParams, QuantPlan, Scheme

BITS = {Precision.INT8_WEIGHTS: 8, Precision.INT4_WEIGHTS: 4}
"""The precisions that are made here, and the bits of their weights."""

OPSETS = {Precision.INT8_WEIGHTS: 13, Precision.INT4_WEIGHTS: 21}
"""The first operator set that holds them: axes came with 13, blocks and four bits with 21."""

BLOCKS = (16, 32, 64, 128, 256)
"""Rows of a block that ONNX Runtime's kernels are written for."""

_LINEAR = {"MatMul", "Gemm"}
_OTHERS = {"Conv", "ConvTranspose", "LSTM", "GRU", "RNN"}
_IR_OF_INT4 = 10
_INT4 = np.dtype(ir.DataType.INT4.numpy())
_CHANNELS = Scheme(activations="float32", weights="int8")
_Kept = dict[tuple[str, bool], list[ir.Value]]


def weight_only(
    source: Program, precision: Precision, block: int = 32
) -> tuple[Program, QuantPlan]:
    """A copy whose linear layers and embedding tables hold integers, and what became of each.

    Where there are blocks, the plan has one scale a column: the largest of its blocks. Codes are
    computed when they are written, not held. Raises `LoweringError` where the operator set of the
    program has no such numbers.
    """
    _demand(source, precision, block)
    target, tensors = clone(source), dict[str, QParams]()
    model, graph = target.graph, target.graph.graph
    left: dict[str, str] = {}
    kept: _Kept = {}
    tables: dict[str, Table] = {}
    with naming(model):
        for node in [n for n in graph if not n.domain]:
            reason = _reason_to_leave(node)
            if reason:
                left[name_of(node.outputs[0])] = reason
            elif node.op_type in _LINEAR:
                _rewrite(graph, node, precision, block, tensors, kept)
            elif is_table(node):
                name = name_of(node.inputs[0])
                tables[name] = tables.get(name) or store(graph, node)
                tensors[name] = tables[name].params
                pick(graph, node, tables[name])
    for name in [n for n, v in graph.initializers.items() if not v.uses()]:
        del graph.initializers[name]
    if BITS[precision] == 4 and tensors:
        model.ir_version = max(model.ir_version or 0, _IR_OF_INT4)
    return program(source.name, model), QuantPlan(tensors, left)


def _demand(source: Program, precision: Precision, block: int) -> None:
    needed, found = OPSETS[precision], opset(source)
    if found < needed:
        eight = f"--precision {Precision.INT8_WEIGHTS.value}, or " if BITS[precision] == 4 else ""
        raise LoweringError(
            f"{precision.value} needs operator set {needed}, and the model is of {found}",
            where=source.name,
            fix=f"{eight}a target that reads operator set {needed}",
        )
    if block not in BLOCKS:
        raise LoweringError(
            f"no kernel reads weights in blocks of {block}",
            where=source.name,
            fix=", ".join(map(str, BLOCKS)),
        )


def _reason_to_leave(node: ir.Node) -> str:
    """Why a layer with weights keeps them float; empty for one that does not, and for the rest."""
    if node.op_type in _OTHERS:
        return f"no {node.op_type} kernel computes in float from integer weights"
    if node.op_type not in _LINEAR:
        return ""
    weight = node.inputs[1]
    if weight is None or not is_constant(weight) or weight.dtype != ir.DataType.FLOAT:
        return "its weight is not a float32 constant"
    if weight.shape is None or weight.shape.rank() != 2 or 0 in weight.shape.numpy():
        return "its weight is not a matrix"
    if node.op_type == "Gemm" and not is_plain_gemm(node):
        return "alpha, beta or transA are not plain"
    return ""


def _rewrite(
    graph: ir.Graph,
    node: ir.Node,
    precision: Precision,
    block: int,
    tensors: dict[str, QParams],
    kept: _Kept,
) -> None:
    """Let the layer read its weight through a DequantizeLinear of its own, which runtimes fuse."""
    name, tensor = _weight(node)
    turned = node.op_type == "Gemm" and integer(node, "transB", 0) == 1
    rows = int(tensor.shape.numpy()[1 if turned else 0])
    size, eight = min(block, max(BLOCKS[0], 1 << (rows - 1).bit_length())), BITS[precision] == 8
    if (name, turned) not in kept:
        held = _in_channels if eight else partial(_in_blocks, block=size)
        kept[name, turned], tensors[name] = held(graph, node, turned)
    stored, label = kept[name, turned], fresh(graph, f"{name_of(node.outputs[0])}.weight")
    attributes = {"axis": 1} if eight else {"axis": 0, "block_size": size}
    real = ir.node("DequantizeLinear", stored, attributes, name=label)
    real.outputs[0].name = label
    real.outputs[0].dtype, real.outputs[0].shape = ir.DataType.FLOAT, stored[0].shape
    graph.insert_before(node, real)
    node.replace_input_with(1, real.outputs[0])
    if turned:
        del node.attributes["transB"]


def _in_channels(graph: ir.Graph, node: ir.Node, turned: bool) -> tuple[list[ir.Value], QParams]:
    """Codes and a scale for each output channel, as constants; no zero point is zero."""
    name, tensor = _weight(node)
    params = scales(node, tensor.numpy(), _CHANNELS)

    def codes() -> Array:
        made = encode(tensor.numpy(), params)
        return np.ascontiguousarray(made.T) if turned else made

    stored = _later(graph, name, codes, ir.DataType.INT8, _turned(tensor, turned))
    return [stored, constant(graph, f"{name}.scale", params.scale)], params


def _in_blocks(
    graph: ir.Graph, node: ir.Node, turned: bool, *, block: int
) -> tuple[list[ir.Value], QParams]:
    """Codes, a scale for each block, and zero points where one of them is not zero."""
    name, tensor = _weight(node)

    def matrix() -> Array:
        data = tensor.numpy()
        return data.T if turned else data

    scale, zero = blocks.fit(matrix(), block)

    def codes() -> Array:
        return blocks.encode(matrix(), scale, zero, block).astype(_INT4)

    stored = _later(graph, name, codes, ir.DataType.INT4, _turned(tensor, turned))
    parts = [stored, constant(graph, f"{name}.scale", scale)]
    if zero.any():
        points = _later(
            graph, name, lambda: zero.astype(_INT4), ir.DataType.INT4,
            ir.Shape(zero.shape), "zero_point",
        )  # fmt: skip
        parts.append(points)
    widest = scale.max(axis=0)
    axis = 0 if turned else 1
    return parts, QParams(widest, np.zeros(widest.shape, np.int8), "int4", axis)


def _weight(node: ir.Node) -> tuple[str, ir.TensorProtocol]:
    weight = node.inputs[1]
    if weight is None or weight.const_value is None:
        raise Broken("a linear layer without a weight", where=node.name or node.op_type)
    return name_of(weight), weight.const_value


def _turned(tensor: ir.TensorProtocol, turned: bool) -> ir.Shape:
    return ir.Shape([*sizes(tensor)][::-1]) if turned else sizes(tensor)


def _later(
    graph: ir.Graph,
    name: str,
    made: Callable[[], Array],
    dtype: ir.DataType,
    shape: ir.Shape,
    what: str = "integer",
) -> ir.Value:
    """A constant that is computed whenever it is read."""
    tensor = ir.LazyTensor(lambda: ir.tensor(made()), dtype, shape)
    return constant(graph, f"{name}.{what}", tensor)
