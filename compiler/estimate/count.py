"""Counts a program's work node by node: MACs, FLOPs, parameters, bytes moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import onnx_ir as ir

from mcompile import graph
from mcompile.estimate.convolution import convolution, transposed
from mcompile.estimate.operations import ASKS, PICKS, VIEWS, operations
from mcompile.estimate.products import einsum, gemm, matmul, recurrent
from mcompile.estimate.shapes import MARKERS, elements, nbytes, prepare, stored, weight
from mcompile.estimate.work import NodeWork, Work
from mcompile.types import Program

PRODUCTS: Mapping[str, Callable[[ir.Node], int | None]] = {
    "Conv": convolution,
    "ConvInteger": convolution,
    "QLinearConv": convolution,
    "ConvTranspose": transposed,
    "MatMul": matmul,
    "MatMulInteger": matmul,
    "QLinearMatMul": matmul,
    "Gemm": gemm,
    "LSTM": recurrent,
    "GRU": recurrent,
    "RNN": recurrent,
    "Einsum": einsum,
}

_DOMAINS = ("", "ai.onnx")
_INTEGERS = ("int8", "uint8", "int4", "uint4", "int2", "uint2")


def count(program: Program, sizes: Mapping[str, int] | None = None) -> Work:
    """The work of one run; `sizes` fixes open dimensions by name (a batch, a sequence length).

    Q/DQ pairs are no layers: their neighbours read and write the integers. A node with an open
    dimension, an op of another domain or a body of its own is listed as unknown, not guessed.
    """
    main = prepare(program, sizes).graph.graph
    layers = [n for n in main if n.op_type not in MARKERS | {"Constant"}]
    constants = {id(v): v for node in layers for v in _weights(node)}
    params = sum(elements(v) or 0 for v in constants.values() if _is_parameter(v))
    kept = sum(nbytes(v) or 0 for v in constants.values())
    return Work(tuple(_node(n, i) for i, n in enumerate(layers)), params, kept)


def _node(node: ir.Node, position: int) -> NodeWork:
    macs, flops = _arithmetic(node)
    read, written, weights = _traffic(node)
    integer = any(_is_integer(v) for v in _weights(node)) and bool(macs)
    name = node.name or f"{node.op_type}_{position}"
    return NodeWork(name, node.op_type, macs, flops, weights, read, written, integer)


def _arithmetic(node: ir.Node) -> tuple[int | None, int | None]:
    if node.domain not in _DOMAINS or any(True for _ in _bodies(node)):
        return None, None
    product = PRODUCTS.get(node.op_type)
    if product is not None:
        macs = product(node)
        return macs, None if macs is None else 2 * macs
    flops = operations(node)
    return (None if flops is None else 0), flops


def _traffic(node: ir.Node) -> tuple[int | None, int | None, int]:
    """Activation bytes read and written, and bytes of constants read."""
    op = node.op_type
    if op in VIEWS | ASKS:
        return 0, 0, 0
    written = _sum(nbytes(v) for v in node.outputs if v.name and (v.uses() or v.is_graph_output()))
    constants = list(_weights(node))
    inputs = [v for v in dict.fromkeys(node.inputs) if v is not None and weight(v) is None]
    if op not in PICKS:
        return _sum(map(nbytes, inputs)), written, sum(nbytes(v) or 0 for v in constants)
    source = node.inputs[0]
    from_weights = weight(source) is not None
    others = _sum(nbytes(v) for v in inputs if v is not source)
    if from_weights:
        return others, written, written or 0
    return _sum((others, written)), written, 0


def _weights(node: ir.Node) -> Iterator[ir.Value]:
    found = (weight(v) for v in node.inputs)
    return iter(dict.fromkeys(v for v in found if v is not None))


def _is_parameter(value: ir.Value) -> bool:
    """Numbers that were learned: not the shapes, axes and limits that ops take as constants."""
    rank = len(graph.dims(value) or ())
    kind = graph.dtype_of(value)
    read_as_float = any(use.node.op_type == "DequantizeLinear" for use in value.uses())
    return rank > 0 and ("float" in kind or _is_integer(value) or read_as_float)


def _is_integer(value: ir.Value) -> bool:
    return graph.dtype_of(stored(value)) in _INTEGERS


def _bodies(node: ir.Node) -> Iterator[ir.Graph]:
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            yield attribute.as_graph()


def _sum(figures: Iterator[int | None] | tuple[int | None, ...] | map[int | None]) -> int | None:
    total = 0
    for figure in figures:
        if figure is None:
            return None
        total += figure
    return total
