"""Tensors that only pass through a sequence of known length are handed on directly.

    SequenceAt(SplitToSequence(x, split, axis), k)        ->  Split(x, split, axis)[k]
    SequenceAt(SequenceConstruct(a, b, c), k)             ->  the k-th of a, b, c
    ConcatFromSequence(SequenceConstruct(a, b, c), axis)  ->  Concat(a, b, c, axis)

A split that drops the axis (`keepdims = 0`) is followed by a Squeeze; a concatenation along a new
axis is preceded by an Unsqueeze of each part. All readers of a split must pick by a constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra.patterns import made
from mcompile.rules import Phase, Rule, Skip

_SPLIT_BY_INPUT = 13
_LONGEST = 4096


@dataclass(frozen=True)
class Parts:
    """A tensor split in parts along an axis, and which part each reader picks."""

    node: ir.Node
    axis: int
    sizes: tuple[int, ...]
    picks: tuple[tuple[ir.Node, int], ...]
    squeezed: bool


@dataclass(frozen=True)
class Picked:
    """An element of a sequence that was just put together."""

    output: ir.Value
    source: ir.Value


@dataclass(frozen=True)
class Joined:
    """The elements of a sequence that is concatenated."""

    node: ir.Node
    parts: tuple[ir.Value, ...]
    axis: int
    new: bool


Found: TypeAlias = "Parts | Picked | Joined"


class FoldSequences(Rule[Found]):
    root = ("SplitToSequence", "SequenceAt", "ConcatFromSequence")
    phase = Phase.CLEAN

    def match(self, node: ir.Node) -> Found | Skip | None:
        if self.opset < _SPLIT_BY_INPUT or graph.is_dead(node):
            return None
        if node.op_type == "SplitToSequence":
            return _split(node)
        built = made(node.inputs[0], "SequenceConstruct")
        parts = tuple(v for v in built.inputs if v is not None) if built is not None else ()
        if not parts:
            return None
        if node.op_type == "SequenceAt":
            return _picked(node, parts)
        axis, new = graph.integer(node, "axis", 0), bool(graph.integer(node, "new_axis", 0))
        return Joined(node, parts, axis, new)

    def rewrite(self, found: Found) -> None:
        if isinstance(found, Parts):
            _write_split(found)
        elif isinstance(found, Picked):
            graph.replace(found.output, found.source)
        else:
            _write_concat(found)


def _split(node: ir.Node) -> Parts | Skip | None:
    source = node.inputs[0]
    readers = [n for n in node.outputs[0].consumers() if not graph.is_dead(n)]
    if source is None or not readers or node.outputs[0].is_graph_output():
        return None
    if other := next((n for n in readers if n.op_type != "SequenceAt"), None):
        return Skip(f"its parts are read as a sequence by {other.op_type}")
    dims = graph.dims(source)
    if dims is None:
        return None
    axis = graph.integer(node, "axis", 0) % len(dims)
    asked = node.inputs[1] if len(node.inputs) > 1 else None
    sizes = _sizes(dims[axis], asked)
    if sizes is None:
        return Skip("how many parts there are is only known at run time")
    picks = [(n, _index(n, len(sizes))) for n in readers]
    known = tuple((n, k) for n, k in picks if k is not None and n.graph is node.graph)
    if len(known) < len(picks):
        return Skip("which part is read is only known at run time")
    squeezed = asked is None and not graph.integer(node, "keepdims", 1)
    return Parts(node, axis, sizes, known, squeezed)


def _sizes(whole: int | str, asked: ir.Value | None) -> tuple[int, ...] | None:
    """The sizes of the parts: as listed, or as many of one size as fit and the rest."""
    data = graph.array(asked) if asked is not None else np.array(1)
    if data is None:
        return None
    if data.ndim:
        return tuple(int(n) for n in data) if data.size <= _LONGEST else None
    step = int(data)
    if isinstance(whole, str) or step < 1 or not 0 < whole <= _LONGEST * step:
        return None
    return tuple(min(step, whole - start) for start in range(0, whole, step))


def _index(reader: ir.Node, count: int) -> int | None:
    data = graph.array(reader.inputs[1])
    if data is None or data.size != 1 or not -count <= int(data.reshape(())) < count:
        return None
    return int(data.reshape(())) % count


def _picked(node: ir.Node, parts: tuple[ir.Value, ...]) -> Picked | Skip | None:
    index = _index(node, len(parts))
    if index is None:
        return None
    reason = graph.hindrance(node.outputs[0], parts[index])
    return Skip(reason) if reason else Picked(node.outputs[0], parts[index])


def _write_split(found: Parts) -> None:
    node, home = found.node, graph.owner(found.node)
    stem = graph.name_of(node.outputs[0])
    sizes = graph.constant(home, f"{stem}_sizes", np.array(found.sizes, np.int64))
    attributes = {"axis": found.axis}
    split = ir.node(
        "Split", [node.inputs[0], sizes], attributes, num_outputs=len(found.sizes), name=stem
    )
    source = node.inputs[0]
    for k, part in enumerate(split.outputs):
        part.name = graph.fresh(home, f"{stem}_{k}")
        part.type = source.type if source is not None else None
    home.insert_before(node, split)
    axes = graph.constant(home, f"{stem}_axis", np.array([found.axis])) if found.squeezed else None
    for reader, k in found.picks:
        part = split.outputs[k]
        if axes is not None:
            part = _inserted(reader, "Squeeze", [part, axes], f"{part.name}_squeezed")
        elif reader.outputs[0].is_graph_output():  # several outputs may be the same part
            part = _inserted(reader, "Identity", [part], f"{part.name}_copy")
        graph.replace(reader.outputs[0], part)


def _inserted(before: ir.Node, op: str, inputs: list[ir.Value], stem: str) -> ir.Value:
    home = graph.owner(before)
    name = graph.fresh(home, stem)
    node = ir.node(op, inputs, name=name)
    node.outputs[0].name = name
    home.insert_before(before, node)
    return node.outputs[0]


def _write_concat(found: Joined) -> None:
    node, home = found.node, graph.owner(found.node)
    parts = found.parts
    if found.new:
        stem = graph.name_of(node.outputs[0])
        axes = graph.constant(home, f"{stem}_axis", np.array([found.axis]))
        parts = tuple(_inserted(node, "Unsqueeze", [v, axes], f"{v.name}_raised") for v in parts)
    joined = ir.node("Concat", parts, {"axis": found.axis}, name=node.name)
    home.insert_before(node, joined)
    joined.outputs[0].name = graph.fresh(home, f"{graph.name_of(node.outputs[0])}_joined")
    graph.replace(node.outputs[0], joined.outputs[0])
