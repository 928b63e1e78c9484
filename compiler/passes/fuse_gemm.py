"""A product with a constant matrix and a bias becomes one Gemm over all rows at once.

    Add(MatMul(x, W), b)  ->  Reshape(Gemm(Reshape(x, [-1, k]), W, b), [-1, s, n])
                              x: [batch, s, k]    W: [k, n]    b: [n]

ONNX Runtime has a Gemm for matrices only, and does not flatten a stack of them by itself: it walks
over the output a second time to add the bias. A Reshape costs it nothing. Of the leading sizes at
most one may be free. Programs that become integers keep MatMul: an integer Gemm whose output is
float dequantizes its weights at every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra.patterns import made, read_by
from mcompile.rules import Phase, Rule, Skip

_ALLOWZERO_AND_BIAS = 13


@dataclass(frozen=True)
class Affine:
    """The Add at the end, the rows and the matrix, the bias, and the shape of what they make."""

    last: ir.Node
    rows: ir.Value
    weight: ir.Value
    bias: ir.Value
    shape: tuple[int, ...]


class FuseGemm(Rule[Affine]):
    root = "Add"
    phase = Phase.SPELL
    pays_on: ClassVar[frozenset[str]] = frozenset({"onnxruntime"})

    def match(self, node: ir.Node) -> Affine | Skip | None:
        one, other = node.inputs
        for between, bias in ((one, other), (other, one)):
            product = made(between, "MatMul")
            if product is None or between is None or bias is None or not graph.is_constant(bias):
                continue
            rows, weight = product.inputs
            if rows is None or weight is None or not _fits(rows, weight, bias):
                continue
            if reason := read_by(node, between):
                return Skip(reason)
            shape = _shape(rows, weight)
            if self.opset < _ALLOWZERO_AND_BIAS or shape is None:
                return Skip("more than one of the sizes before the last is only known at run time")
            return Affine(node, rows, weight, bias, shape)
        return None

    def rewrite(self, found: Affine) -> None:
        last, home, old = found.last, graph.owner(found.last), found.last.outputs[0]
        stem = graph.name_of(old)
        rows = graph.constant(home, f"{stem}_rows", np.array([-1, _width(found.weight)]))
        back = graph.constant(home, f"{stem}_shape", np.array(found.shape))
        bias = found.bias
        data = graph.array(bias)
        if data is not None and data.ndim > 1:
            bias = graph.constant(home, f"{stem}_bias", data.reshape(-1))
        flat = ir.node("Reshape", [found.rows, rows], name=graph.fresh(home, f"{stem}_flat"))
        product = [flat.outputs[0], found.weight, bias]
        gemm = ir.node("Gemm", product, name=graph.fresh(home, f"{stem}_gemm"))
        new = ir.node("Reshape", [gemm.outputs[0], back], name=last.name)
        for node in (flat, gemm):
            node.outputs[0].name, node.outputs[0].type = node.name, old.type
        output = new.outputs[0]
        output.type, output.shape = old.type, old.shape.copy() if old.shape else old.shape
        output.name = graph.fresh(home, stem)
        home.insert_before(last, [flat, gemm, new])
        if not old.is_graph_output():
            old.name, output.name = output.name, old.name
        graph.replace(old, output)


def _width(weight: ir.Value) -> int:
    return int((graph.dims(weight) or (0,))[0])


def _fits(rows: ir.Value, weight: ir.Value, bias: ir.Value) -> bool:
    """Whether these are a stack of float32 rows, a constant matrix, a vector for its columns."""
    sizes, given = graph.dims(weight), graph.dims(bias)
    if not graph.is_constant(weight) or sizes is None or len(sizes) != 2 or given is None:
        return False
    rank = len(graph.dims(rows) or ())
    vector = given[-1:] == sizes[1:] and all(n == 1 for n in given[:-1]) and len(given) <= rank
    return rank > 2 and vector and weight.dtype == ir.DataType.FLOAT


def _shape(rows: ir.Value, weight: ir.Value) -> tuple[int, ...] | None:
    """The shape to give the product, -1 where it is free; None where that would not tell it."""
    leading = (graph.dims(rows) or ())[:-1]
    free = [n for n in leading if isinstance(n, str)]
    if len(free) > 1 or 0 in leading:
        return None
    columns = graph.dims(weight) or (0,)
    return tuple(-1 if isinstance(n, str) else n for n in (*leading, columns[-1]))
