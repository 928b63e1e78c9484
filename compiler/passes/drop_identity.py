"""An op that changes nothing is replaced by its input.

    Identity(x), Dropout(x) in inference, Cast(x) to the type of x, Transpose(x) in the same order,
    Reshape(x) to the shape of x, Pad(x) by nothing, Concat/Sum/Max/Min/Mean of x alone   ->   x

A Reshape is one when input and output agree in all dimensions but at most one: the number of
elements fixes that one too. An op between an input and an output of the graph stays, because an
output must be made by a node.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx_ir as ir

from mcompile import graph
from mcompile.rules import Phase, Rule, Skip
from mcompile.types import Dim


@dataclass(frozen=True)
class Same:
    """A value, and the earlier one that equals it."""

    output: ir.Value
    source: ir.Value


class DropIdentity(Rule[Same]):
    root = (
        *("Identity", "Dropout", "Cast", "CastLike", "Reshape", "Transpose"),
        *("Pad", "Concat", "Sum", "Max", "Min", "Mean"),
    )
    phase = Phase.CLEAN

    def match(self, node: ir.Node) -> Same | Skip | None:
        source = node.inputs[0] if node.inputs else None
        if source is None:
            return None
        if node.op_type == "Dropout" and (reason := self._alive(node)):
            return Skip(reason)
        if not _NOTHING[node.op_type](node, source):
            return None
        reason = graph.hindrance(node.outputs[0], source)
        return Skip(reason) if reason else Same(node.outputs[0], source)

    def rewrite(self, found: Same) -> None:
        graph.replace(found.output, found.source)

    def _alive(self, node: ir.Node) -> str:
        """Why the Dropout does something, in words; empty when it does nothing."""
        if any(v.uses() or v.is_graph_output() for v in node.outputs[1:]):
            return "its mask is read"
        if self.opset < 7:
            return "" if graph.integer(node, "is_test", 0) else "it is in training mode"
        training = node.inputs[2] if len(node.inputs) > 2 else None
        if training is None:
            return ""
        constant = graph.array(training)
        if constant is None:
            return "whether it is in training mode is only known at run time"
        return "it is in training mode" if constant.any() else ""


def _always(_node: ir.Node, _source: ir.Value) -> bool:
    return True


def _alone(node: ir.Node, _source: ir.Value) -> bool:
    return len(node.inputs) == 1


def _casts_to_itself(node: ir.Node, source: ir.Value) -> bool:
    if node.op_type == "CastLike":
        like = node.inputs[1]
        return like is not None and source.dtype is not None and like.dtype == source.dtype
    return source.dtype is not None and graph.integer(node, "to", 0) == int(source.dtype)


def _keeps_order(node: ir.Node, source: ir.Value) -> bool:
    given = node.attributes.get("perm")
    if given is None:
        return source.shape is not None and len(source.shape) < 2
    order = given.as_ints()
    return list(order) == list(range(len(order)))


def _keeps_shape(node: ir.Node, source: ir.Value) -> bool:
    before, after = graph.dims(source), graph.dims(node.outputs[0])
    if before is None:
        return False
    if after is None or not all(isinstance(d, int) for d in after):
        after = _asked_shape(node, before) or after
    if after is None or len(before) != len(after) or 0 in before:
        return False
    unlike = [a for a, b in zip(before, after, strict=True) if a != b or a == "?"]
    return len(unlike) == 0 or (len(unlike) == 1 and not isinstance(unlike[0], int))


def _asked_shape(node: ir.Node, before: tuple[Dim, ...]) -> tuple[Dim, ...] | None:
    """The shape that a constant second input asks for: 0 keeps a dimension, -1 is the rest."""
    asked = graph.array(node.inputs[1]) if len(node.inputs) > 1 else None
    if asked is None or asked.size != len(before) or graph.integer(node, "allowzero", 0):
        return None
    pairs = zip(asked.tolist(), before, strict=True)
    return tuple(b if a == 0 else ("rest" if a == -1 else a) for a, b in pairs)


def _pads_nothing(node: ir.Node, _source: ir.Value) -> bool:
    if "pads" in node.attributes:
        return not any(node.attributes["pads"].as_ints())
    pads = graph.array(node.inputs[1]) if len(node.inputs) > 1 else None
    return pads is not None and not pads.any()


_NOTHING: dict[str, Callable[[ir.Node, ir.Value], bool]] = {
    "Identity": _always,
    "Dropout": _always,
    "Cast": _casts_to_itself,
    "CastLike": _casts_to_itself,
    "Reshape": _keeps_shape,
    "Transpose": _keeps_order,
    "Pad": _pads_nothing,
    **dict.fromkeys(("Concat", "Sum", "Max", "Min", "Mean"), _alone),
}
