"""A clipped line spelled out becomes HardSigmoid.

    Clip(x + 3, 0, 6) / 6   ->   HardSigmoid<alpha = 1/6, beta = 1/2>(x)

1/6 may be written as a factor, right to 1e-4 of itself (1e-3 in float16); the other numbers are
exact in every type. A float64 one stays: HardSigmoid holds alpha as float32.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import onnx_ir as ir

from mcompile import graph
from mcompile.algebra.patterns import scalar, stand_in
from mcompile.rules import Phase, Rule, Skip

TOLERANCE = {ir.DataType.FLOAT16: 1e-3, ir.DataType.FLOAT: 1e-4, ir.DataType.DOUBLE: 1e-4}


@dataclass(frozen=True)
class Line:
    """The last node of a clipped line, and what it is taken of."""

    last: ir.Node
    source: ir.Value


class FuseHardsigmoid(Rule[Line]):
    root = ("Mul", "Div")
    phase = Phase.FUSE

    def match(self, node: ir.Node) -> Line | Skip | None:
        for clip in _sixths(node):
            for added in _clipped(clip):
                for source, number in _pairs(added):
                    if number == 3.0 and source.dtype in TOLERANCE:
                        reason = _hindered([clip, added], node, source)
                        return Skip(reason) if reason else Line(node, source)
        return None

    def rewrite(self, found: Line) -> None:
        line = [ir.AttrFloat32("alpha", 1 / 6), ir.AttrFloat32("beta", 0.5)]
        new = ir.Node("", "HardSigmoid", [found.source], line, name=found.last.name)
        stand_in(new, found.last)


def _made(value: ir.Value | None, op: str) -> Iterator[ir.Node]:
    """What makes the value, if it is that op of the standard set."""
    node = value.producer() if value is not None else None
    if node is not None and node.op_type == op and node.domain in {"", "ai.onnx"}:
        yield node


def _pairs(node: ir.Node) -> Iterator[tuple[ir.Value, float]]:
    """Operand and constant of a node with two inputs, either way round unless it divides."""
    one, other = node.inputs
    ways = [(one, other)] if node.op_type == "Div" else [(one, other), (other, one)]
    for value, constant in ways:
        number = scalar(constant)
        if value is not None and number is not None:
            yield value, number


def _sixths(node: ir.Node) -> Iterator[ir.Node]:
    """The Clip of which the node takes a sixth."""
    for value, number in _pairs(node):
        tolerance = TOLERANCE.get(value.dtype, 0.0) if value.dtype is not None else 0.0
        divides = number == 6.0
        if divides if node.op_type == "Div" else math.isclose(number, 1 / 6, rel_tol=tolerance):
            yield from _made(value, "Clip")


def _clipped(clip: ir.Node) -> Iterator[ir.Node]:
    """The Add that the Clip holds between 0 and 6."""
    low, high = clip.attributes.get("min"), clip.attributes.get("max")
    if low is not None and high is not None:
        limits: list[float | None] = [low.as_float(), high.as_float()]
    else:
        limits = [scalar(v) for v in clip.inputs[1:3]]
    if limits == [0.0, 6.0]:
        yield from _made(clip.inputs[0], "Add")


def _hindered(inner: list[ir.Node], last: ir.Node, source: ir.Value) -> str:
    """What speaks against it, in words; empty when nothing does."""
    for node in inner:
        value = node.outputs[0]
        if value.is_graph_output():
            return f"{value.name} is an output"
        if not {*value.consumers()} <= {*inner, last}:
            return f"{value.name} has other readers"
        if node.graph is not last.graph:
            return f"{value.name} is computed outside of this branch"
    rank = len(source.shape) if source.shape is not None else 0
    for read in (v for n in (*inner, last) for v in n.inputs if v and graph.is_constant(v)):
        if read.shape is not None and len(read.shape) > rank:
            return f"{read.name} may have more dimensions than {source.name}"
    if source.dtype == ir.DataType.DOUBLE:
        return "HardSigmoid holds its numbers as float32, and this is float64"
    return ""
