"""Two products with constant matrices, one right behind the other, become one.

    (x A + a) B + b   ->   x (A B) + (a B + b)

Both are a MatMul, each with or without an Add of a constant per column behind it, or both a Gemm.
It is done only where the one takes no more multiplications than the two: a bottleneck stays. Sums
are done in float64 and rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import folding, linear
from mcompile.algebra.linear import Layer
from mcompile.algebra.patterns import read_by
from mcompile.rules import Phase, Rule, Skip
from mcompile.types import Array


@dataclass(frozen=True)
class Pair:
    """Two products, the bias of the first as one number per column."""

    first: Layer
    second: Layer
    shift: Array


class MergeLinearMatMuls(Rule[Pair]):
    root = ("MatMul", "Gemm")
    phase = Phase.FOLD

    def match(self, node: ir.Node) -> Pair | Skip | None:
        between = node.inputs[0]
        first = linear.behind(between) if between is not None else None
        if between is None or first is None or first.op != node.op_type or self.opset < 7:
            return None
        if not linear.is_layer(node):
            return None
        second = linear.of(node)
        shift = _row(first)
        reason = read_by(node, between) or linear.obstacle(first) or linear.obstacle(second)
        if shift is None or folding.pending(node) or folding.pending(first.node):
            return None
        found = Pair(first, second, shift)
        reason = reason or _loss(found)
        return Skip(reason) if reason else found

    def rewrite(self, found: Pair) -> None:
        first, node = found.first.node, found.second.node
        home, stem = graph.owner(node), graph.name_of(first.inputs[1])
        bias = _bias(found)
        weight = graph.constant(home, f"{stem}_merged", _weight(found))
        if found.shift.any():
            _give_bias(found.second, graph.constant(home, f"{stem}_bias", bias))
        node.replace_input_with(0, first.inputs[0])
        node.replace_input_with(1, weight)
        for name in ("alpha", "transB"):
            node.attributes.pop(name, None)


def _row(layer: Layer) -> Array | None:
    """The bias as one number per column; None for one that differs from row to row."""
    value = layer.bias_value()
    if value is None or graph.array(value) is None:
        return np.zeros(layer.outgoing().channels)
    return linear.vector(layer.bias(), layer.outgoing())


def _loss(found: Pair) -> str:
    """Why the two are better left, in words; empty when they are not."""
    if max(found.first.weight.nbytes, found.second.weight.nbytes) > graph.MAPPED_ABOVE:
        return "the weights are too large to be multiplied while compiling"
    rows, middle = found.first.incoming().channels, found.first.outgoing().channels
    columns = found.second.outgoing().channels
    if rows * columns > rows * middle + middle * columns:
        return "the one would take more multiplications than the two"
    kind = found.first.weight.dtype
    with np.errstate(all="ignore"):
        bias = _bias(found)
    largest = middle * _largest(found.first) * _largest(found.second)
    fit = linear.fits(np.array(largest), kind) and bool(np.isfinite(bias).all())
    return "" if fit else "the merged weights might not fit their type"


def _matrix(layer: Layer) -> Array:
    wide = layer.weight.astype(np.float64) * layer.node.attributes.get_float("alpha", 1.0)
    return np.asarray(wide.T if layer.transposed else wide)


def _largest(layer: Layer) -> float:
    alpha = abs(layer.node.attributes.get_float("alpha", 1.0))
    return max(abs(float(layer.weight.max())), abs(float(layer.weight.min()))) * alpha


def _weight(found: Pair) -> Array:
    merged = _matrix(found.first) @ _matrix(found.second)
    return np.ascontiguousarray(merged.astype(found.first.weight.dtype))


def _bias(found: Pair) -> Array:
    total = found.second.bias() + linear.response(found.second, found.shift)
    return np.asarray(total.astype(found.first.weight.dtype))


def _give_bias(layer: Layer, bias: ir.Value) -> None:
    """Put the bias in its place, an Add behind the MatMul where there was none."""
    node = layer.node
    if layer.added is not None:
        layer.added.replace_input_with(1 if layer.added.inputs[0] is node.outputs[0] else 0, bias)
    elif layer.op == "Gemm":
        node.resize_inputs(3)
        node.replace_input_with(2, bias)
        node.attributes["beta"] = ir.AttrFloat32("beta", 1.0)
    else:
        home, old = graph.owner(node), node.outputs[0]
        new = ir.Node("", "Add", [old, bias])
        home.insert_after(node, new)
        made = new.outputs[0]
        made.name = graph.fresh(home, graph.name_of(old))
        made.shape = old.shape.copy() if old.shape is not None else None
        graph.replace(old, made)
        new.replace_input_with(0, old)
