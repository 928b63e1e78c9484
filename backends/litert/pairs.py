"""Reads Q/DQ pairs off a program: which code stands behind a real value, and with what scale."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.draft import Quant

_FIRST_ONLY = frozenset({"Clip", "Pad", "Resize", "Slice", "Gather", "ReduceMean", "ReduceSum"})
"""Ops of which all inputs but the first say how, real ones (ends, scales, a filling) included."""

BIASED = frozenset({"Conv", "ConvTranspose", "Gemm"})
"""Ops whose third input is a bias."""


def is_pair(node: ir.Node) -> bool:
    """Whether the node turns reals into codes or back."""
    return not node.domain and node.op_type in ("QuantizeLinear", "DequantizeLinear")


def is_real(value: ir.Value) -> bool:
    """Whether the value is a float of any width."""
    return value.dtype in (ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.BFLOAT16)


def data_of(node: ir.Node) -> list[ir.Value]:
    """The real values that the node computes on."""
    alone = node.op_type in _FIRST_ONLY or (
        node.op_type == "Pow" and graph.array(node.inputs[1]) is not None
    )
    taken = node.inputs[:1] if alone else node.inputs
    if node.op_type in BIASED and len(taken) > 2 and graph.array(taken[2]) is not None:
        taken = taken[:2]  # no pair says 64 bits: a bias of those comes as the number it stands for
    return [v for v in taken if v is not None and is_real(v)]


def code_of(value: ir.Value) -> ir.Value | None:
    """The integers that the value is the dequantized form of."""
    maker = value.producer()
    if maker is None or maker.domain or maker.op_type != "DequantizeLinear":
        return None
    return maker.inputs[0]


def quantizers(value: ir.Value) -> list[ir.Node]:
    """The nodes that make codes of the value; none where anybody reads it as it is."""
    users = [u.node for u in value.uses()]
    alone = not value.is_graph_output() and all(
        n.op_type == "QuantizeLinear" and not n.domain for n in users
    )
    return users if alone else []


def quant_of(pair: ir.Node | None) -> Quant | None:
    """The scale and zero point of a QuantizeLinear or DequantizeLinear."""
    scale = graph.array(pair.inputs[1]) if pair is not None else None
    if pair is None or scale is None:
        return None
    zero = graph.array(pair.inputs[2]) if len(pair.inputs) > 2 else None
    zeros = np.zeros(scale.shape, np.int64) if zero is None else zero.astype(np.int64)
    axis = graph.integer(pair, "axis", 1) if scale.size > 1 else 0
    scales = tuple(float(s) for s in scale.reshape(-1))
    return Quant(scales, tuple(int(z) for z in zeros.reshape(-1)), axis)
