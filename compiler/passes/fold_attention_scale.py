"""A constant factor of attention's scores goes into the weights that make its queries or keys.

    Q = move(W x + b)       Q * c, read by a product with K       ->   W' = c W    b' = c b
                            (Q K) * c, read by a Softmax          ->   the same

`move` is any chain of Reshape, Transpose, Squeeze, Unsqueeze, Split and Gather of one index. Of
merged weights only the channels that get to the product are scaled. The factor is one number, or
one per index of a single axis that is found again among the channels: one per head. Where queries
and keys are each scaled by the root of the factor, each goes into its own weights. Mul and Div by
constants; the layers are Conv, Gemm and MatMul. Sums are done in float64 and rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import affine, folding, linear, spread
from mcompile.algebra.linear import Layer
from mcompile.algebra.spread import MOVES, Spread, is_product, is_standard
from mcompile.rules import Phase, Rule, Skip
from mcompile.types import Array

_FARTHEST = 6

Traced: TypeAlias = "tuple[Layer, Array] | str | None"
"""A layer and a factor per output channel; why there is none, in words; or nothing to say."""


@dataclass(frozen=True)
class Scaled:
    """The op, what it scales, the layer that takes it in, and a factor per output channel."""

    node: ir.Node
    source: ir.Value
    layer: Layer
    scale: Array


class FoldAttentionScale(Rule[Scaled]):
    root = ("Mul", "Div")
    phase = Phase.FOLD

    def match(self, node: ir.Node) -> Scaled | Skip | None:
        source = affine.operand(node)
        if source is None or self.opset < 7 or not _leads(node, source):
            return None
        factor = _factor(node, source)
        if factor is None or linear.behind(source) is not None:
            return None
        found = _trace(source, node, factor)
        if found is None or isinstance(found, str):
            return None if found is None else Skip(found)
        layer, scale = found
        reason = graph.hindrance(node.outputs[0], source) or linear.obstacle(layer)
        reason = reason or _overflow(layer, scale)
        return Skip(reason) if reason else Scaled(node, source, layer, scale)

    def rewrite(self, found: Scaled) -> None:
        layer, node = found.layer, found.layer.node
        home, bias = graph.owner(node), layer.bias_value()
        stem = graph.name_of(node.inputs[1]).removesuffix("_folded")
        scaled = (layer.bias() * found.scale).astype(layer.weight.dtype)
        node.replace_input_with(1, graph.constant(home, f"{stem}_folded", _weight(found)))
        if bias is not None:
            holder = layer.added or node
            place = next(k for k, v in enumerate(holder.inputs) if v is bias)
            holder.replace_input_with(place, graph.constant(home, f"{stem}_bias", scaled))
        if layer.op == "Gemm":
            node.attributes["beta"] = ir.AttrFloat32("beta", 1.0)
        graph.replace(found.node.outputs[0], found.source)


def _leads(node: ir.Node, source: ir.Value) -> bool:
    """Whether the node scales one side of a product of run-time values, or such a product."""
    if _reaches(node, "MatMul", MOVES):
        return True
    return is_product(source.producer()) and _reaches(node, "Softmax", MOVES | {"Add", "Where"})


def _reaches(node: ir.Node, goal: str, through: frozenset[str]) -> bool:
    """Whether a reader of the node, or of what only moves or scales it, is such an op."""
    seen, edge = {node}, [node]
    for _ in range(_FARTHEST):
        readers = [r for n in edge for v in n.outputs for r in v.consumers() if r not in seen]
        if any(is_product(r) if goal == "MatMul" else is_standard(r, goal) for r in readers):
            return True
        edge = [r for r in readers if is_standard(r, *through) or _scales(r)]
        seen.update(edge)
    return False


def _scales(node: ir.Node) -> bool:
    return node.op_type in {"Mul", "Div"} and affine.operand(node) is not None


def _factor(node: ir.Node, source: ir.Value) -> Spread | None:
    """What the node multiplies by, where it is one number or one per index of one axis."""
    value = next((v for v in node.inputs if v is not source), None)
    if value is None:
        return None
    data = linear.known(value)
    with np.errstate(all="ignore"):
        scale = 1.0 / data.astype(np.float64) if node.op_type == "Div" else data
    return spread.of(value, np.asarray(scale), source) if data.dtype.kind == "f" else None


def _trace(value: ir.Value, reader: ir.Node, factor: Spread) -> Traced:
    """The layer far behind a value, and the factor that its output is to have there."""
    layer, maker = linear.behind(value), value.producer()
    found: Traced = None
    if layer is not None:
        found = _settled(layer, factor)
    elif maker is not None:
        for source, inner in spread.before(maker, value, factor):
            found = _trace(source, maker, inner)
            if isinstance(found, tuple):
                break
    return found if found is None else _seen(value, reader) or found


def _settled(layer: Layer, factor: Spread) -> Traced:
    """The factor for each of the layer's channels; None where they are not what it goes along."""
    side, source = layer.outgoing(), layer.node.inputs[0]
    first = linear.behind(source) if source is not None else None
    if folding.pending(layer.node) or (first is not None and first.op == layer.op):
        return None  # whoever else changes these weights goes first
    if factor.axis not in {None, side.axis}:
        return None
    return layer, np.broadcast_to(factor.scale, (side.channels,))


def _seen(value: ir.Value, reader: ir.Node) -> str:
    """Who else would see the factor, in words; empty when nobody."""
    maker = value.producer()
    if value.is_graph_output():
        return f"{value.name} is an output"
    if maker is None or maker.graph is not reader.graph:
        return f"{value.name} is computed outside of this branch"
    if graph.sole_user(value) is reader:
        return ""
    others = [u.node for u in value.uses() if u.node is not reader]
    return "" if others and _apart(reader, others) else f"{value.name} has other readers"


def _apart(reader: ir.Node, others: list[ir.Node]) -> bool:
    """Whether each takes one index of the same axis, and nobody else the reader's."""
    mine, theirs = spread.taken(reader), [spread.taken(n) for n in others]
    if mine is None:
        return False
    return all(t is not None and t[0] == mine[0] and t[1] != mine[1] for t in theirs)


def _overflow(layer: Layer, scale: Array) -> str:
    """Why the scaled numbers do not fit, in words; empty when they do."""
    weight = layer.weight
    largest = float(np.abs([weight.max(), weight.min()]).max())
    extremes = largest * np.abs(scale)
    least = extremes[extremes > 0].min(initial=np.inf) if extremes.any() else 0.0
    with np.errstate(all="ignore"):
        bias = np.asarray(layer.bias() * scale).astype(weight.dtype)
    whole = all(linear.fits(np.asarray(e), weight.dtype) for e in (extremes.max(), least))
    return "" if whole and np.isfinite(bias).all() else "the scaled weights do not fit their type"


def _weight(found: Scaled) -> Array:
    """The scaled weights, computed in float64 piece by piece, with no second copy in memory."""
    old = found.layer.weight
    seen, scale = linear.out_view(found.layer, found.scale)
    new = graph.room(old.shape, old.dtype)
    np.multiply(
        old.reshape(seen), scale, out=new.reshape(seen), dtype=np.float64, casting="same_kind"
    )
    return new
