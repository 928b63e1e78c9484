"""Two convolutions with nothing between them become one, where one of them is 1x1.

    W2 (W1 x + b1) + b2   ->   (W2 W1) x + (W2 b1 + b2)

The 1x1 one has stride 1. Where it comes first, and has a bias, the other one must not pad: it pads
with zeros, not with b1. Both have one group. It is done only where the one takes no more
multiplications than the two. Sums are done in float64 and rounded once.
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
    """Two convolutions, and the one of them that is not 1x1 and says how to slide."""

    first: Layer
    second: Layer
    wide: Layer


class MergeLinearConvs(Rule[Pair]):
    root = "Conv"
    phase = Phase.FOLD

    def match(self, node: ir.Node) -> Pair | Skip | None:
        between = node.inputs[0]
        inner = between.producer() if between is not None else None
        if between is None or inner is None or inner.op_type != "Conv":
            return None
        if not (linear.is_layer(node) and linear.is_layer(inner)):
            return None
        first, second = Layer(inner), Layer(node)
        if first.group != 1 or second.group != 1 or not (_is_point(first) or _is_point(second)):
            return None
        reason = read_by(node, between) or linear.obstacle(first) or linear.obstacle(second)
        if folding.pending(node) or folding.pending(inner):
            return None
        found = Pair(first, second, first if _is_point(second) else second)
        reason = reason or _loss(found)
        return Skip(reason) if reason else found

    def rewrite(self, found: Pair) -> None:
        node, inner = found.second.node, found.first.node
        home, stem = graph.owner(node), graph.name_of(inner.inputs[1])
        bias, attributes = _bias(found), dict(found.wide.node.attributes)
        weight = graph.constant(home, f"{stem}_merged", _weight(found))
        node.replace_input_with(0, inner.inputs[0])
        node.replace_input_with(1, weight)
        if bias.any() or found.second.bias_value() is not None:
            node.resize_inputs(3)
            node.replace_input_with(2, graph.constant(home, f"{stem}_bias", bias))
        node.attributes.clear()
        node.attributes.update(attributes)


def _is_point(layer: Layer) -> bool:
    """Whether each output is made of one position of the input, and each position makes one."""
    still = all(s == 1 for s in layer.node.attributes.get_ints("strides", ()))
    pads = any(layer.node.attributes.get_ints("pads", ()))
    return still and not pads and all(k == 1 for k in layer.weight.shape[2:])


def _loss(found: Pair) -> str:
    """Why the two are better left, in words; empty when they are not."""
    if max(found.first.weight.nbytes, found.second.weight.nbytes) > graph.MAPPED_ABOVE:
        return "the weights are too large to be multiplied while compiling"
    outer, middle = found.second.weight.shape[:2]
    inner, taps = found.first.weight.shape[1], int(np.prod(found.wide.weight.shape[2:]))
    padded = found.wide is found.second and found.second.padded()
    if padded and found.first.bias().any():
        return "the second pads with zeros, which the bias of the first is not"
    if found.wide is found.first:
        before = middle * inner * taps + outer * middle
    else:
        before = outer * middle * taps + (0 if padded else middle * inner)
    if outer * inner * taps > before:
        return "the one would take more multiplications than the two"
    kind = found.first.weight.dtype
    with np.errstate(all="ignore"):
        bias = _bias(found)
    largest = middle * _largest(found.first) * _largest(found.second)
    fit = linear.fits(np.array(largest), kind) and bool(np.isfinite(bias).all())
    return "" if fit else "the merged weights might not fit their type"


def _largest(layer: Layer) -> float:
    return max(abs(float(layer.weight.max())), abs(float(layer.weight.min())))


def _weight(found: Pair) -> Array:
    one, two = found.first.weight.astype(np.float64), found.second.weight.astype(np.float64)
    if found.wide is found.first:
        merged = two.reshape(two.shape[:2]) @ one.reshape(one.shape[0], -1)
        merged = merged.reshape(two.shape[0], *one.shape[1:])
    else:
        merged = np.moveaxis(np.tensordot(two, one.reshape(one.shape[:2]), (1, 0)), -1, 1)
    return np.ascontiguousarray(merged.astype(found.first.weight.dtype))


def _bias(found: Pair) -> Array:
    bias = found.second.bias()
    if found.first.bias_value() is not None:
        bias = bias + linear.response(found.second, found.first.bias())
    outputs = found.second.weight.shape[0]
    return np.broadcast_to(bias, (outputs,)).astype(found.first.weight.dtype)
