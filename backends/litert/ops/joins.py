"""Values joined along an axis: CONCATENATION, in the order that moves the least."""

from __future__ import annotations

import onnx_ir as ir

from mcompile.backends.litert.broadcast import suited
from mcompile.backends.litert.kernels import CODES, demand
from mcompile.backends.litert.lowering import BOTH, Lowering
from mcompile.backends.litert.pairs import quant_of, quantizers
from mcompile.backends.litert.walk import Walk

_TYPES = CODES | {"bool", "uint32"}


def _concat(walk: Walk, node: ir.Node) -> None:
    """Inputs of another scale than the output's get a QUANTIZE each; empty ones are left out."""
    values = [v for v in node.inputs if v is not None and 0 not in walk.shape(v)]
    rank = len(walk.shape(node.outputs[0]))
    if not values:
        raise walk.place.refused("it joins nothing but empty values")
    if len(values) == 1:
        walk.see(walk.view(values[0]))
        return
    axis = node.attributes.get_int("axis", 1) % rank
    values = _on_joined(walk, node, values)
    order = suited(walk, values, rank)
    tensors = [demand(walk, walk.read(v, order, walk.quant()), _TYPES) for v in values]
    place = order.index(axis)
    walk.draft.emit(
        "CONCATENATION", tensors, [walk.make(order)], "ConcatenationOptions", axis=place
    )


def _on_joined(walk: Walk, node: ir.Node, values: list[ir.Value]) -> list[ir.Value]:
    """The values, the first of them as an earlier node has joined them already.

    DenseNets join all that they have so far again and again; XNNPACK joins at most five at once.
    """
    longest, behind = values[:1], 1
    for other in (u.node for u in values[0].uses() if u.node.op_type == "Concat"):
        count, axes = len(other.inputs), {n.attributes.get_int("axis", 1) for n in (node, other)}
        is_shorter = behind < count < len(values) and list(other.inputs) == values[:count]
        joined = _joined(walk, other.outputs[0]) if is_shorter and len(axes) == 1 else None
        if joined is not None:
            longest, behind = [joined], count
    return [*longest, *values[behind:]]


def _joined(walk: Walk, value: ir.Value) -> ir.Value | None:
    """What stands for an earlier join, where it was written in the form that is read here."""
    if not walk.place.integers:
        return value if walk.values.known(value) else None
    for code in (q.outputs[0] for q in quantizers(value) if quant_of(q) == walk.quant()):
        reals = [u.node.outputs[0] for u in code.uses() if u.node.op_type == "DequantizeLinear"]
        if reals and walk.values.known(code):
            return reals[0]
    return None


LOWERINGS = {"Concat": Lowering(_concat, integers=BOTH)}
