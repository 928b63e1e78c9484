"""Sizes of the tensors in a graph, and where a tensor's numbers are really kept.

Quantize and dequantize nodes say how a tensor is stored; they are not layers. What they stand
around is followed to the integers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import onnx_ir as ir
from onnx_ir.passes import common

from mcompile import graph
from mcompile.types import Program

MARKERS = frozenset({"QuantizeLinear", "DequantizeLinear"})


def prepare(program: Program, sizes: Mapping[str, int] | None = None) -> Program:
    """A copy with its functions inlined and its shapes filled in; the program is left alone.

    `sizes` fixes open dimensions by name; those it does not name stay open.
    """
    copy = graph.clone(program)
    if copy.graph.functions:
        common.InlinePass()(copy.graph)
    if sizes:
        _bind(copy, sizes)
    if any(shape(v) is None for node in copy.graph.graph for v in node.outputs if v.name):
        graph.infer_shapes(copy)
    return copy


def shape(value: ir.Value | None) -> tuple[int, ...] | None:
    """The size of every dimension, or None where one of them is not known."""
    found = None if value is None else graph.dims(value)
    if found is None and value is not None and value.const_value is not None:
        found = tuple(value.const_value.shape.numpy())
    if found is None or any(isinstance(d, str) for d in found):
        return None
    return tuple(int(d) for d in found)


def elements(value: ir.Value | None) -> int | None:
    """How many numbers the tensor holds, or None where that is not known."""
    found = shape(value)
    return None if found is None else math.prod(found)


def nbytes(value: ir.Value) -> int | None:
    """Bytes of the tensor as it is kept (integers where it is quantized), None if not known."""
    kept = stored(value)
    count = elements(kept) if elements(kept) is not None else elements(value)
    if count is None or kept.dtype is None or kept.dtype == ir.DataType.STRING:
        return None
    return math.ceil(count * kept.dtype.itemsize) + _steps(kept)


def _steps(codes: ir.Value) -> int:
    """Bytes of the scales and zero points of codes that have one for each block."""
    readers = [u.node for u in codes.uses() if u.idx == 0 and "block_size" in u.node.attributes]
    beside = readers[0].inputs[1:] if readers else ()
    return sum(nbytes(v) or 0 for v in beside if v is not None)


def stored(value: ir.Value) -> ir.Value:
    """The tensor whose bytes are kept: behind a dequantize, or ahead of a sole quantize.

    A constant ahead of one is real in the file alone: a runtime quantizes it when it loads it.
    """
    producer = value.producer()
    if producer is not None and producer.op_type == "DequantizeLinear":
        return producer.inputs[0] or value
    user = graph.sole_user(value)
    made = producer is not None or value.const_value is not None
    if made and user is not None and user.op_type == "QuantizeLinear":
        return user.outputs[0]
    return value


def weight(value: ir.Value | None) -> ir.Value | None:
    """The constant behind a value, through quantize and dequantize; None for an activation."""
    while value is not None:
        producer = value.producer()
        if value.const_value is not None or (producer and producer.op_type == "Constant"):
            return value
        if producer is None or producer.op_type not in MARKERS:
            return None
        value = producer.inputs[0]
    return None


def _bind(program: Program, sizes: Mapping[str, int]) -> None:
    main = program.graph.graph
    for value in main.inputs:
        found = graph.dims(value)
        if found is not None:
            value.shape = ir.Shape([sizes.get(d, d) if isinstance(d, str) else d for d in found])
    # What was inferred for open dimensions would contradict the fixed ones.
    for node in main:
        for value in node.outputs:
            value.shape = None
