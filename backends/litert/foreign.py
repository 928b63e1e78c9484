"""Q/DQ pairs that another quantizer wrote, in the codes that LiteRT's kernels compute on.

    u8 with zero point z    becomes    s8 with zero point z - 128

The numbers are the same: every code is 128 less. Kernels with a scale for each channel know signed
codes alone, and the others that read unsigned ones know no delegate. Codes that enter or leave the
program stay unsigned there.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.pairs import code_of, quant_of
from mcompile.backends.litert.reading import reals
from mcompile.types import Array, Program

_HALF = 128
_BYTES = (ir.DataType.INT8, ir.DataType.UINT8)
_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
Scale = tuple[ir.Value, ir.Value, int]
"""What a pair is made of: scale, signed zero point, axis."""


def adopted(program: Program) -> None:
    """Change the pairs in place: unsigned codes, and weights whose zero is no code in the middle.

    Kernels take the zero point of weights to be 0. Others stay behind as the reals that they are.
    """
    body, known = program.graph.graph, dict[ir.Value, ir.Value]()
    for node in [n for n in body if n.op_type == "QuantizeLinear" and not n.domain]:
        if node.outputs[0].dtype == ir.DataType.UINT8:
            _quantize(body, node)
    for node in [n for n in body if n.op_type == "DequantizeLinear" and not n.domain]:
        code = node.inputs[0]
        if code is not None and graph.array(code) is not None:
            _store(body, node, known)
        elif code is not None and not _is_made_by_a_pair(code):
            _count(body, node)
    for node in [n for n in body if n.op_type in _WEIGHTED and not n.domain]:
        _center(body, node)


def _is_made_by_a_pair(code: ir.Value) -> bool:
    maker = code.producer()
    return maker is not None and maker.op_type == "QuantizeLinear" and not maker.domain


def _quantize(body: ir.Graph, node: ir.Node) -> None:
    """q = Q(x), DQ(q)   becomes   s = Q'(x), DQ'(s); whoever else reads q gets Q(DQ'(s))."""
    scale, code = _scale(body, node), node.outputs[0]
    if scale is None:
        return
    signed = _pair(body, node, "QuantizeLinear", node.inputs[0], scale)
    for user in [u.node for u in code.uses()]:
        other = _scale(body, user) if _reads(user, code) else None
        if other is not None:
            real = _pair(body, user, "DequantizeLinear", signed, other)
            graph.replace(user.outputs[0], real)
            body.remove(user, safe=True)
    if code.uses() or code.is_graph_output():
        node.replace_input_with(0, _pair(body, node, "DequantizeLinear", signed, scale))
    else:
        body.remove(node, safe=True)


def _reads(node: ir.Node, code: ir.Value) -> bool:
    is_pair = node.op_type == "DequantizeLinear" and not node.domain
    return is_pair and node.inputs[0] is code


def _store(body: ir.Graph, node: ir.Node, known: dict[ir.Value, ir.Value]) -> None:
    """DQ(u) of a constant   becomes   DQ'(u - 128), each constant stored once."""
    code = node.inputs[0]
    scale = _scale(body, node) if code is not None and code.dtype == ir.DataType.UINT8 else None
    data = graph.array(code)
    if code is None or data is None or scale is None:
        return
    if code not in known:
        known[code] = graph.constant(body, f"{graph.name_of(code)}.signed", _signed(data))
    graph.replace(node.outputs[0], _pair(body, node, "DequantizeLinear", known[code], scale))
    body.remove(node, safe=True)


def _count(body: ir.Graph, node: ir.Node) -> None:
    """DQ(q)   becomes   DQ'(Q'((q - zero) * scale))   where q comes in, or from an op on codes.

    A tensor that no pair made has no scale in the file: DEQUANTIZE would take it to be 1.
    """
    factors = graph.array(node.inputs[1])
    zero = node.inputs[2] if len(node.inputs) > 2 else None
    zeros = graph.array(zero) if zero is not None else np.zeros((), np.int8)
    code, rank = node.inputs[0], len(graph.dims(node.outputs[0]) or ())
    if factors is None or zeros is None or code is None or graph.integer(node, "block_size", 0):
        return
    axis = graph.integer(node, "axis", 1) % max(rank, 1)
    wide = [-1 if a == axis else 1 for a in range(rank)] if factors.size > 1 else []
    least = zeros.astype(factors.dtype).reshape(wide if zeros.size > 1 else [])
    kind = ir.DataType.from_numpy(factors.dtype)
    real = _step(body, node, ir.node("Cast", [code], {"to": kind}))
    real = _step(body, node, ir.node("Sub", [real, graph.constant(body, "zero", least)]))
    step = graph.constant(body, "scale", factors.reshape(wide))
    real = _step(body, node, ir.node("Mul", [real, step]))
    scale = _scale(body, node) if code.dtype in _BYTES else None
    if scale is not None:
        real = _pair(body, node, "QuantizeLinear", real, scale)
        real = _pair(body, node, "DequantizeLinear", real, scale)
    graph.replace(node.outputs[0], real)
    body.remove(node, safe=True)


def _step(body: ir.Graph, place: ir.Node, node: ir.Node) -> ir.Value:
    """What a new node in front of `place` makes: a real of the shape that `place` makes."""
    made, like = node.outputs[0], place.outputs[0]
    made.name = graph.fresh(body, f"{graph.name_of(like)}.real")
    made.type, made.shape = like.type, like.shape
    body.insert_before(place, node)
    return made


def _signed(codes: Array) -> Array:
    return (codes.astype(np.int16) - _HALF).astype(np.int8)


def _scale(body: ir.Graph, node: ir.Node) -> Scale | None:
    """What a pair says, with a signed zero point; None where that is computed, or in blocks."""
    scale = node.inputs[1] if len(node.inputs) > 1 else None
    factors = graph.array(scale)
    zero = node.inputs[2] if len(node.inputs) > 2 else None
    code = node.inputs[0] if node.op_type == "DequantizeLinear" else node.outputs[0]
    if scale is None or factors is None or code is None or graph.integer(node, "block_size", 0):
        return None
    kind = np.uint8 if code.dtype == ir.DataType.UINT8 else np.int8
    zeros = np.zeros_like(factors, kind) if zero is None else graph.array(zero)
    if zeros is None:
        return None
    zeros = _signed(zeros) if zeros.dtype == np.uint8 else zeros
    stem = f"{graph.name_of(node.outputs[0])}.zero"
    return scale, graph.constant(body, stem, zeros), graph.integer(node, "axis", 1)


def _pair(
    body: ir.Graph, place: ir.Node, kind: str, given: ir.Value | None, scale: Scale
) -> ir.Value:
    """What a new node in front of `place` makes of the value."""
    factors, zero, axis = scale
    node = ir.node(kind, [given, factors, zero], {"axis": axis})
    made, like = node.outputs[0], place.outputs[0]
    made.name = graph.fresh(body, f"{graph.name_of(like)}.{'code' if kind[0] == 'Q' else 'value'}")
    made.type = ir.TensorType(ir.DataType.INT8) if kind[0] == "Q" else factors.type
    made.shape = like.shape
    body.insert_before(place, node)
    return made


def _center(body: ir.Graph, node: ir.Node) -> None:
    """Put the reals in the place of stored codes whose zero point is not 0."""
    for index, value in enumerate(node.inputs[1:], 1):
        pair = value.producer() if value is not None else None
        codes = graph.array(code_of(value)) if value is not None else None
        quant = quant_of(pair) if codes is not None else None
        if value is None or pair is None or codes is None or quant is None:
            continue
        if not any(quant.zero_point) or graph.integer(pair, "block_size", 0):
            continue
        data = graph.constant(body, f"{graph.name_of(value)}.stored", reals(codes, quant))
        node.replace_input_with(index, data)
