"""MatMulNBits, the op with which runtimes multiply by integer weights as they are stored.

    DequantizeLinear(q, s, z) -> MatMul | Gemm      becomes      MatMulNBits(x, q', s', z', b)

    q' [N, blocks, bytes]: the codes by column, counted from zero up, two to a byte where they have
    four bits, the last block filled up with zeros.        s' [N, blocks]        z' as q'

ONNX Runtime makes it of the pair by itself from 1.25 on, but not ahead of a Relu, nor where it had
merged a bias into a Gemm before: there it makes floats of the weight at every run, and is eight
times slower than float. Activations are rounded to eight bits, a scale for each block
(`accuracy_level` 4): without that the kernel of eight bits makes floats too.

Source: onnxruntime, docs/ContribOperators.md, com.microsoft.MatMulNBits.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import onnx_ir as ir

from mcompile.graph import array, constant, is_constant, name_of, replace, sole_user
from mcompile.types import Array, Program

_DOMAIN = "com.microsoft"
_SUMS_OF_INT8 = 4
_BITS = {ir.DataType.INT4: 4, ir.DataType.INT8: 8}
_BLOCKS = (128, 64, 32)
"""Rows to a scale where the weight has one for each column, the fastest first."""

_Parts = tuple[list[ir.Value], dict[str, int]]


def fuse(program: Program) -> None:
    """Make one node of each layer and the integer weight [K, N] that it alone reads, in place.

    Left as it is: a bias that is no vector, and scales along any other axis.
    """
    graph = program.graph.graph
    kept: dict[str, _Parts] = {}
    for real in [n for n in graph if n.op_type == "DequantizeLinear" and not n.domain]:
        node = sole_user(real.outputs[0])
        if node is None or not _is_linear(node, real) or not _is_weight(real):
            continue
        program.graph.opset_imports[_DOMAIN] = 1
        made = _made(graph, node, real, kept)
        graph.insert_before(node, made)
        replace(node.outputs[0], made.outputs[0])
        graph.remove([node, real], safe=True)
    for name in [n for n, v in graph.initializers.items() if not v.uses()]:
        del graph.initializers[name]


def _is_linear(node: ir.Node, real: ir.Node) -> bool:
    """Whether it multiplies by the weight and adds no more than a vector."""
    if node.domain or node.op_type not in ("MatMul", "Gemm") or node.inputs[0] is real.outputs[0]:
        return False
    if any(node.attributes.get_int(flag, 0) for flag in ("transA", "transB")):
        return False
    if any(node.attributes.get_float(factor, 1.0) != 1.0 for factor in ("alpha", "beta")):
        return False
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    return bias is None or (bias.shape is not None and bias.shape.rank() == 1)


def _is_weight(real: ir.Node) -> bool:
    """Whether it makes floats of a constant matrix with scales by column, or by blocks of rows."""
    codes = real.inputs[0]
    if codes is None or not all(is_constant(v) for v in real.inputs if v is not None):
        return False
    if codes.dtype not in _BITS or codes.shape is None or codes.shape.rank() != 2:
        return False
    blocked = "block_size" in real.attributes
    plain = len(real.inputs) < 3 or real.inputs[2] is None
    return real.attributes.get_int("axis", 1) == (0 if blocked else 1) and (blocked or plain)


def _made(graph: ir.Graph, node: ir.Node, real: ir.Node, kept: dict[str, _Parts]) -> ir.Node:
    name = name_of(real.inputs[0])
    if name not in kept:
        kept[name] = _stored(graph, real)
    inputs, numbers = kept[name]
    given: list[ir.Value | None] = [node.inputs[0], *inputs]
    if len(node.inputs) > 2 and node.inputs[2] is not None:
        given += [*[None] * (5 - len(given)), node.inputs[2]]
    return ir.node("MatMulNBits", given, numbers, domain=_DOMAIN, name=node.name or name)


def _stored(graph: ir.Graph, real: ir.Node) -> _Parts:
    """The weight as the op wants it, computed when it is written, and the op's attributes."""
    codes, name = real.inputs[0], name_of(real.inputs[0])
    bits, (rows, columns) = _BITS[codes.dtype], codes.shape.numpy()  # type: ignore[union-attr,index]
    size = real.attributes.get_int("block_size", _size(rows))
    count = -(-rows // size)
    shape = (columns, count, size * bits // 8)
    later = partial(_packed, codes, bits, count * size, shape)
    scale = np.broadcast_to(np.asarray(array(real.inputs[1])), (count, columns)).T
    inputs = [
        constant(graph, name, ir.LazyTensor(later, ir.DataType.UINT8, ir.Shape(shape))),
        constant(graph, f"{name}.scale", np.ascontiguousarray(scale)),
    ]
    if len(real.inputs) > 2:
        even = count + count % (8 // bits)
        zero = _packed(real.inputs[2], bits, even, (columns, even * bits // 8)).numpy()
        inputs.append(constant(graph, f"{name}.zero_point", zero))
    numbers = {"K": rows, "N": columns, "bits": bits, "block_size": size}
    return inputs, numbers | {"accuracy_level": _SUMS_OF_INT8}


def _size(rows: int) -> int:
    """The largest block that fills up no more than an eighth."""
    return next((b for b in _BLOCKS if -rows % b <= rows // 8), 16)


def _packed(
    codes: ir.Value | None, bits: int, length: int, shape: tuple[int, ...]
) -> ir.TensorProtocol:
    """Signed codes [n, N] by column from zero up, each filled up to that length."""
    given = np.asarray(array(codes)).astype(np.int8)
    made: Array = np.full((given.shape[1], length), 1 << (bits - 1), np.uint8)
    made[:, : len(given)] += given.T.view(np.uint8)
    return ir.tensor((made if bits == 8 else made[:, ::2] | made[:, 1::2] << 4).reshape(shape))
