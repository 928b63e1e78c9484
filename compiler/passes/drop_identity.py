"""An op that changes nothing is replaced by its input.

    Identity(x), Dropout(x) in inference, Cast(x) to the type of x, Transpose(x) in the same order,
    Reshape, Flatten, Squeeze, Unsqueeze, Expand, Tile to the shape of x, Slice of all of x,
    Pad(x) by nothing, Resize(x) to its own size, DepthToSpace and SpaceToDepth by blocks of one,
    Split into one, Concat/Sum/Max/Min/Mean of x alone   ->   x

A Reshape is one when input and output agree in all dimensions but at most one: the number of
elements fixes that one too. An Expand and a Slice are, whatever the sizes, when they ask for
dimensions of x by Shape(x); a Slice up to 2^31 - 1 or more reaches the end, as ONNX has it. A
Resize by a scale of one looks at each point in place, save for tf_crop_and_resize. An op between
an input and an output of the graph stays, because an output must be made by a node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import extents, terms
from mcompile.algebra.terms import Term
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
        *("Flatten", "Squeeze", "Unsqueeze", "Expand", "Tile", "Slice", "Resize", "Upsample"),
        *("DepthToSpace", "SpaceToDepth", "Split", "Pad", "Concat", "Sum", "Max", "Min", "Mean"),
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


def _same_shape(node: ir.Node, source: ir.Value) -> bool:
    before = terms.sizes(source)
    return before is not None and before == terms.sizes(node.outputs[0])


def _keeps_rank(node: ir.Node, source: ir.Value) -> bool:
    before, after = source.shape, node.outputs[0].shape
    return before is not None and after is not None and len(before) == len(after)


def _flattens_nothing(node: ir.Node, source: ir.Value) -> bool:
    return len(source.shape or ()) == 2 and graph.integer(node, "axis", 1) in {1, -1}


def _expands_nothing(node: ir.Node, source: ir.Value) -> bool:
    before, asked = terms.sizes(source), extents.entries(node.inputs[1])
    if before is None or asked is None or asked.scalar or len(asked.terms) > len(before):
        return _same_shape(node, source)
    last = before[len(before) - len(asked.terms) :]
    return all(a in (1, b) for a, b in zip(asked.terms, last, strict=True))


def _repeats_nothing(node: ir.Node, _source: ir.Value) -> bool:
    repeats = graph.array(node.inputs[1]) if len(node.inputs) == 2 else None
    return repeats is not None and bool((repeats == 1).all())


def _takes_all(node: ir.Node, source: ir.Value) -> bool:
    before, bounds = terms.sizes(source), _bounds(node)
    if before is None or bounds is None:
        return False
    starts, ends, axes, steps = bounds
    if not len(starts) == len(ends) == len(axes) == len(steps):
        return False
    whole = all(n == 0 for n in starts) and all(n == 1 for n in steps)
    return whole and all(
        isinstance(a, int) and -len(before) <= a < len(before) and _reaches(end, before[a])
        for a, end in zip(axes, ends, strict=True)
    )


def _reaches(end: Term, size: Term) -> bool:
    enough = isinstance(end, int) and isinstance(size, int) and end >= size
    return end == size or enough or (isinstance(end, int) and end >= _THE_END)


def _bounds(node: ir.Node) -> list[Sequence[Term]] | None:
    """Starts, ends, axes and steps of a Slice; before opset 10 they are attributes."""
    if len(node.inputs) == 1:
        given = [node.attributes.get(n) for n in ("starts", "ends", "axes")]
        found: list[Sequence[Term] | None] = [a.as_ints() if a else None for a in given]
    else:
        read = [extents.entries(v) for v in node.inputs[1:]]
        if any(e is None and v is not None for e, v in zip(read, node.inputs[1:], strict=True)):
            return None
        found = [e.terms if e is not None else None for e in read]
    starts, ends, axes, steps = (*found, None, None)[:4]
    if starts is None or ends is None:
        return None
    return [starts, ends, range(len(starts)) if axes is None else axes, steps or [1] * len(starts)]


def _resizes_nothing(node: ir.Node, source: ir.Value) -> bool:
    mode = node.attributes.get_string("coordinate_transformation_mode", "half_pixel")
    if mode == "tf_crop_and_resize":
        return False
    if len(node.inputs) > 3 and node.inputs[3] is not None:
        asked = extents.entries(node.inputs[3])
        whole = "axes" not in node.attributes
        return whole and asked is not None and asked.terms == terms.sizes(source)
    place = 1 if len(node.inputs) == 2 else 2
    scales = graph.array(node.inputs[place]) if len(node.inputs) > place else None
    return scales is not None and scales.size > 0 and bool((scales == 1).all())


def _blocks_of_one(node: ir.Node, _source: ir.Value) -> bool:
    return graph.integer(node, "blocksize", 0) == 1


def _into_one(node: ir.Node, _source: ir.Value) -> bool:
    return len(node.outputs) == 1


_THE_END = (1 << 31) - 1

_NOTHING: dict[str, Callable[[ir.Node, ir.Value], bool]] = {
    "Identity": _always,
    "Dropout": _always,
    "Cast": _casts_to_itself,
    "CastLike": _casts_to_itself,
    "Reshape": _keeps_shape,
    "Transpose": _keeps_order,
    "Flatten": _flattens_nothing,
    "Squeeze": _keeps_rank,
    "Unsqueeze": _keeps_rank,
    "Expand": _expands_nothing,
    "Tile": _repeats_nothing,
    "Slice": _takes_all,
    "Resize": _resizes_nothing,
    "Upsample": _resizes_nothing,
    "DepthToSpace": _blocks_of_one,
    "SpaceToDepth": _blocks_of_one,
    "Split": _into_one,
    "Pad": _pads_nothing,
    **dict.fromkeys(("Concat", "Sum", "Max", "Min", "Mean"), _alone),
}
