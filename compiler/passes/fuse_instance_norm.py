"""A norm over all positions with a factor per channel becomes InstanceNormalization.

    LayerNormalization<axis = 2>(x, ones) * g + b   ->   InstanceNormalization(x, g, b)

for x of [N, C, H, W] (or any number of positions) and constants g, b of [C, 1, 1]; b may be
missing. It starts from what `fuse_norm` leaves of a norm that was spelled out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra.patterns import made, stand_in
from mcompile.rules import Phase, Rule, Skip


@dataclass(frozen=True)
class Channelwise:
    """A norm over all positions, the last node behind it, and its factor and shift."""

    norm: ir.Node
    last: ir.Node
    scale: ir.Value
    bias: ir.Value | None


class FuseInstanceNorm(Rule[Channelwise]):
    root = ("Mul", "Add")
    phase = Phase.FUSE

    def match(self, node: ir.Node) -> Channelwise | Skip | None:
        norm, scaled = _norm_above(node)
        if norm is None or scaled is None:
            return None
        scale = _per_channel(norm, scaled, norm.outputs[0])
        if scale is None:
            return None
        after = graph.sole_user(scaled.outputs[0])
        shifts = after is not None and after.op_type == "Add" and after.graph is node.graph
        bias = _per_channel(norm, after, scaled.outputs[0]) if after and shifts else None
        last = after if after is not None and bias is not None else scaled
        if last is not node:
            return None
        reason = _shared(norm, node)
        return Skip(reason) if reason else Channelwise(norm, node, scale, bias)

    def rewrite(self, found: Channelwise) -> None:
        old = found.last.outputs[0]
        home, stem = graph.owner(found.last), graph.name_of(old)
        name = graph.name_of
        scale = graph.constant(home, f"{name(found.scale)}_flat", _flat(found.scale))
        if found.bias is None:
            bias = graph.constant(home, f"{stem}_bias", np.zeros_like(_flat(found.scale)))
        else:
            bias = graph.constant(home, f"{name(found.bias)}_flat", _flat(found.bias))
        epsilon = found.norm.attributes.get_float("epsilon", 1e-5)
        inputs = [found.norm.inputs[0], scale, bias]
        settings = [ir.AttrFloat32("epsilon", epsilon)]
        new = ir.Node("", "InstanceNormalization", inputs, settings, name=found.last.name)
        stand_in(new, found.last)


def _norm_above(node: ir.Node) -> tuple[ir.Node | None, ir.Node | None]:
    """The plain norm over all positions that the node ends, and the Mul behind it."""
    muls = [node] if node.op_type == "Mul" else [made(v, "Mul") for v in node.inputs]
    for mul in (m for m in muls if m is not None):
        for norm in (made(v, "LayerNormalization") for v in mul.inputs):
            if norm is not None and _is_plain(norm):
                return norm, mul
    return None, None


def _is_plain(norm: ir.Node) -> bool:
    """Whether the norm goes over all positions, without scale or bias of its own."""
    source = norm.inputs[0]
    rank = len(source.shape) if source is not None and source.shape is not None else 0
    if rank < 3 or graph.integer(norm, "axis", -1) % rank != 2:
        return False
    scale = graph.array(norm.inputs[1])
    bias = graph.array(norm.inputs[2]) if len(norm.inputs) > 2 else np.zeros(1)
    return scale is not None and bool((scale == 1).all()) and bias is not None and not bias.any()


def _per_channel(norm: ir.Node, node: ir.Node, between: ir.Value) -> ir.Value | None:
    """The other operand of the node, where it is a constant [C, 1, ..]."""
    other = node.inputs[1] if node.inputs[0] is between else node.inputs[0]
    source = norm.inputs[0]
    if other is None or source is None or not graph.is_constant(other):
        return None
    shape, sizes = graph.dims(other) or (), graph.dims(source) or ()
    ones = tuple(1 for _ in sizes[2:])
    return other if shape in {(sizes[1], *ones), (1, sizes[1], *ones)} else None


def _flat(value: ir.Value) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    data = graph.array(value)
    return np.zeros(0) if data is None else data.reshape(-1)


def _shared(norm: ir.Node, last: ir.Node) -> str:
    """Who else sees the plain norm, in words; empty when nobody."""
    value = norm.outputs[0]
    if value.is_graph_output():
        return f"{value.name} is an output"
    if graph.sole_user(value) is None:
        return f"{value.name} has other readers"
    if any(v.uses() or v.is_graph_output() for v in norm.outputs[1:]):
        return "its statistics are read"
    return (
        f"{value.name} is computed outside of this branch" if norm.graph is not last.graph else ""
    )
