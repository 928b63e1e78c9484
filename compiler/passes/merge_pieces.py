"""Pieces of one value, put together again in order, are that value or a part of it.

    Concat(x[0:1], x[1:2], .., x[n-1:n])   ->   x
    Concat(x[n-1:n], .., x[0:1])           ->   Slice<-1>(x)

Pieces are made by Slice, Split or Gather, and may have lost their axis on the way and got another:
then it is moved (Transpose). Consecutive pieces of the middle become one Slice (opset 13).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.rules import Phase, Rule, Skip

FIRST_OPSET = 13
_STANDARD = {"", "ai.onnx"}


@dataclass(frozen=True)
class Piece:
    """Where a piece lies in what it was cut from; `bare` where it lost that axis."""

    source: ir.Value
    axis: int
    start: int
    stop: int
    bare: bool = False


@dataclass(frozen=True)
class Whole:
    """The Concat, the pieces as one, in which direction, and the axis they are put along."""

    node: ir.Node
    piece: Piece
    step: int
    axis: int

    @property
    def untouched(self) -> bool:
        """Whether it is all of the value, in its order."""
        size = (graph.dims(self.piece.source) or ())[self.piece.axis]
        return self.step == 1 and (self.piece.start, self.piece.stop) == (0, size)


class MergePieces(Rule[Whole]):
    root = "Concat"
    phase = Phase.FUSE

    def match(self, node: ir.Node) -> Whole | Skip | None:
        found = _whole(node) if self.opset >= FIRST_OPSET and len(node.inputs) > 1 else None
        if found is None:
            return None
        outcome, source = node.outputs[0], found.piece.source
        same = found.untouched and found.axis == found.piece.axis
        reason = graph.hindrance(outcome, source) if same else ""
        return Skip(reason) if reason else found

    def rewrite(self, found: Whole) -> None:
        value, piece = found.piece.source, found.piece
        if not found.untouched:
            value = _sliced(found)
        if found.axis != piece.axis:
            order = [a for a in range(len(piece.source.shape or ())) if a != piece.axis]
            order.insert(found.axis, piece.axis)
            value = _new(found.node, "Transpose", [value], [ir.AttrInt64s("perm", order)])
        old = found.node.outputs[0]
        if value is not piece.source:
            value.shape, value.type = old.shape.copy() if old.shape else None, old.type
            if not old.is_graph_output():
                old.name, value.name = value.name, old.name
        graph.replace(old, value)


def _whole(node: ir.Node) -> Whole | None:
    """What the pieces are together; None where they are not parts of one value in a row."""
    shape = node.outputs[0].shape
    if shape is None:
        return None
    axis = graph.integer(node, "axis", 0) % len(shape)
    pieces: list[Piece] = []
    for value in node.inputs:
        piece = _piece(value, axis)
        if piece is None or (pieces and not _alike(pieces[0], piece)):
            return None
        pieces.append(piece)
    first, last = pieces[0], pieces[-1]
    if all(a.stop == b.start for a, b in pairwise(pieces)):
        return Whole(node, Piece(first.source, first.axis, first.start, last.stop), 1, axis)
    single = all(p.stop - p.start == 1 for p in pieces)
    if single and all(b.stop == a.start for a, b in pairwise(pieces)):
        return Whole(node, Piece(first.source, first.axis, last.start, first.stop), -1, axis)
    return None


def _alike(one: Piece, other: Piece) -> bool:
    return (one.source, one.axis, one.bare) == (other.source, other.axis, other.bare)


def _piece(value: ir.Value | None, axis: int) -> Piece | None:
    """What the value was cut from; None if it was not, or along another axis."""
    back = _made(value, "Unsqueeze")
    if back is not None:
        if value is None or _axis(back.inputs[1], value) != axis:
            return None
        found = _bare(back.inputs[0])
        return found if found is None or found.bare else None
    found = _cut(value)
    return found if found is not None and found.axis == axis else None


def _bare(value: ir.Value | None) -> Piece | None:
    """A piece that lost its axis: a Gather at one place, or a Slice and a Squeeze."""
    squeeze, gather = _made(value, "Squeeze"), _made(value, "Gather")
    if squeeze is not None and len(squeeze.inputs) > 1 and (cut := squeeze.inputs[0]) is not None:
        found = _cut(cut)
        if found is None or found.stop - found.start != 1:
            return None
        same = _axis(squeeze.inputs[1], cut) == found.axis
        return replace(found, bare=True) if same else None
    if gather is None or gather.inputs[0] is None:
        return None
    source, at = gather.inputs[0], graph.array(gather.inputs[1])
    size = _size(source, axis := graph.integer(gather, "axis", 0))
    if at is None or at.ndim or size is None or not -size <= int(at) < size:
        return None
    start = int(at) % size
    return Piece(source, axis % len(source.shape or ()), start, start + 1, True)


def _cut(value: ir.Value | None) -> Piece | None:
    """A piece that kept its axis: made by a Slice or a Split."""
    node = _made(value, "Slice") or _made(value, "Split")
    source = node.inputs[0] if node is not None else None
    if node is None or source is None or value is None:
        return None
    if node.op_type == "Slice":
        return _slice(node, source)
    axis, position = graph.integer(node, "axis", 0), value.index() or 0
    widths = [_size(v, axis) for v in node.outputs[: position + 1]]
    known = [w for w in widths if w is not None]
    if len(known) < len(widths) or _size(source, axis) is None:
        return None
    return Piece(source, axis % len(source.shape or ()), sum(known[:-1]), sum(known))


def _slice(node: ir.Node, source: ir.Value) -> Piece | None:
    given = [graph.array(v) for v in node.inputs[1:]]
    numbers = [int(g.reshape(-1)[0]) for g in given if g is not None and g.size == 1]
    if len(numbers) < len(given) or len(numbers) < 3 or numbers[3:] not in ([], [1]):
        return None
    size = _size(source, numbers[2])
    if size is None:
        return None
    start, stop, _ = slice(numbers[0], numbers[1]).indices(size)
    return (
        Piece(source, numbers[2] % len(source.shape or ()), start, stop) if start < stop else None
    )


def _made(value: ir.Value | None, op: str) -> ir.Node | None:
    node = value.producer() if value is not None else None
    if node is None or node.op_type != op or node.domain not in _STANDARD:
        return None
    return node


def _size(value: ir.Value, axis: int) -> int | None:
    """The size of a dimension, where it is fixed."""
    sizes = graph.dims(value)
    if not sizes or not -len(sizes) <= axis < len(sizes):
        return None
    size = sizes[axis]
    return size if isinstance(size, int) else None


def _axis(axes: ir.Value | None, of: ir.Value) -> int | None:
    """The one axis that a constant names."""
    data = graph.array(axes)
    rank = len(of.shape) if of.shape is not None else 0
    return int(data.reshape(-1)[0]) % rank if data is not None and data.size == 1 and rank else None


def _sliced(found: Whole) -> ir.Value:
    """The part of the value, backwards where the pieces were."""
    piece = found.piece
    ends = (piece.start, piece.stop, piece.axis, 1)
    if found.step < 0:
        before = piece.start - 1 if piece.start else np.iinfo(np.int64).min
        ends = (piece.stop - 1, before, piece.axis, -1)
    home, names = graph.owner(found.node), ("starts", "ends", "axes", "steps")
    given = [
        graph.constant(home, n, np.array([e], np.int64)) for n, e in zip(names, ends, strict=True)
    ]
    value = _new(found.node, "Slice", [piece.source, *given], [])
    shape = ir.Shape(piece.source.shape or ())
    shape[piece.axis] = piece.stop - piece.start
    value.shape = shape
    return value


def _new(at: ir.Node, op: str, inputs: list[ir.Value], settings: list[ir.Attr]) -> ir.Value:
    home, node = graph.owner(at), ir.Node("", op, inputs, settings)
    home.insert_before(at, node)
    node.outputs[0].name = graph.fresh(home, f"{graph.name_of(at.outputs[0])}_{op.lower()}")
    node.outputs[0].type = inputs[0].type
    return node.outputs[0]
