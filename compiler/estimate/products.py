"""Multiply-accumulates of matrix products and recurrent layers."""

from __future__ import annotations

import math

import onnx_ir as ir

from mcompile.estimate.shapes import elements, shape


def matmul(node: ir.Node) -> int | None:
    """MACs of MatMul, MatMulInteger and QLinearMatMul: one inner product per output element."""
    inner, count = shape(node.inputs[0]), elements(node.outputs[0])
    return None if inner is None or not inner or count is None else count * inner[-1]


def gemm(node: ir.Node) -> int | None:
    """MACs of Gemm."""
    a, count = shape(node.inputs[0]), elements(node.outputs[0])
    if a is None or count is None:
        return None
    return count * a[0 if node.attributes.get_int("transA", 0) else 1]


def recurrent(node: ir.Node) -> int | None:
    """MACs of RNN, GRU and LSTM: each step reads all of both weight matrices.

    All steps of the input are counted, whatever `sequence_lens` will say at run time.
    """
    x, w, r = shape(node.inputs[0]), elements(node.inputs[1]), elements(node.inputs[2])
    return None if x is None or w is None or r is None else x[0] * x[1] * (w + r)


def einsum(node: ir.Node) -> int | None:
    """MACs of an Einsum of two operands; one operand has none, more are not counted."""
    shapes = [shape(v) for v in node.inputs]
    equation = node.attributes.get_string("equation", "").replace(" ", "")
    if len(shapes) == 1:
        return 0
    if len(shapes) > 2 or "." in equation or any(s is None for s in shapes):
        return None
    terms = equation.split("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, dims in zip(terms, shapes, strict=True):
        for label, size in zip(term, dims or (), strict=True):
            sizes[label] = max(size, sizes.get(label, 1))
    return math.prod(sizes.values())
