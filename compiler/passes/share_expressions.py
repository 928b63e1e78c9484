"""Of two nodes that compute the same from the same inputs one stays.

    a = Sigmoid(x), b = Sigmoid(x)  ->  a        Add(x, y), Add(y, x)  ->  the first of them

The same means: op, domain, inputs, attributes with their tensors to the bit, the outputs that are
asked for, and the graph or branch they stand in. The first in the order of the graph stays, so
whoever read the other stands behind it. Left alone are ops that draw random numbers, ops that hold
branches, ops of other domains, which may have a state, and DequantizeLinear: runtimes want one of
its own for each reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from mcompile import graph, oracle
from mcompile.rules import ANY, Phase, Rule, Skip
from mcompile.types import Program

_LARGEST = 1 << 20
_NEVER = oracle.RANDOM | {"Dropout", "Constant", "DequantizeLinear"}
_EITHER_WAY = {"Add", "Mul", "And", "Or", "Xor", "Equal"}
_DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}


@dataclass(frozen=True)
class Twins:
    """Equal nodes: the one that stays, and the one whose readers move over."""

    kept: ir.Node
    dropped: ir.Node


class ShareExpressions(Rule[Twins]):
    root = ANY
    phase = Phase.CLEAN

    def start(self, program: Program) -> None:
        super().start(program)
        self._first: dict[Hashable, ir.Node] = {}
        self._place: dict[ir.Node, int] = {}
        self._program = program

    def match(self, node: ir.Node) -> Twins | Skip | None:
        if node.op_type in _NEVER or graph.is_dead(node):
            return None
        if (key := _key(node)) is None:
            return None
        first = self._first.setdefault(key, node)
        if first is not node and (not _stands(first, key) or self._behind(first, node)):
            # A later twin is shown again, and finds this one.
            first = self._first[key] = node
        if first is node:
            return None
        if node.domain not in _DOMAINS:
            return Skip(f"an op of {node.domain} may have a state")
        reasons = (graph.hindrance(b, a) for a, b in _pairs(first, node))
        reason = next(filter(None, reasons), "")
        return Skip(reason) if reason else Twins(first, node)

    def rewrite(self, found: Twins) -> None:
        for kept, dropped in _pairs(found.kept, found.dropped):
            graph.replace(dropped, kept)

    def _behind(self, one: ir.Node, other: ir.Node) -> bool:
        if one not in self._place or other not in self._place:
            # Nodes that rules have made since; rewrites never change the order of others.
            self._place = {n: k for k, n in enumerate(self._program.graph.graph.all_nodes())}
        return self._place[one] > self._place[other]


def _pairs(one: ir.Node, other: ir.Node) -> list[tuple[ir.Value, ir.Value]]:
    pairs = zip(one.outputs, other.outputs, strict=True)
    return [(a, b) for a, b in pairs if b.uses() or b.is_graph_output()]


def _stands(node: ir.Node, key: Hashable) -> bool:
    """Whether a node that was seen under that key is still there, and computes the same."""
    return node.graph is not None and _key(node) == key


def _key(node: ir.Node) -> Hashable:
    """What two nodes must agree in to be equal; None for a node that equals no other."""
    attributes = [_attribute(a) for a in node.attributes.values()]
    if None in attributes:
        return None
    inputs: Hashable = tuple(node.inputs)
    if node.op_type in _EITHER_WAY:
        inputs = frozenset(Counter(node.inputs).items())
    asked = tuple(bool(v.name) for v in node.outputs)
    op = (node.graph, node.domain, node.op_type, node.overload)
    return (*op, inputs, frozenset(attributes), asked)


def _attribute(attribute: ir.Attr) -> Hashable:
    """An attribute's name and value; None for a branch, or a value that cannot be compared."""
    read = _COMPARED.get(attribute.type)
    if attribute.is_ref() or attribute.value is None or read is None:
        return None
    value = read(attribute.value)
    return None if value is None else (attribute.name, value)


def _bits(tensor: ir.TensorProtocol) -> Hashable:
    if tensor.nbytes > _LARGEST or tensor.dtype == ir.DataType.STRING:
        return None
    return (tensor.dtype, tuple(tensor.shape.numpy()), tensor.tobytes())


_COMPARED: dict[ir.AttributeType, Callable[[Any], Hashable]] = {
    ir.AttributeType.INT: int,
    ir.AttributeType.INTS: tuple,
    ir.AttributeType.STRING: str,
    ir.AttributeType.STRINGS: tuple,
    ir.AttributeType.FLOAT: lambda number: float(number).hex(),
    ir.AttributeType.FLOATS: lambda numbers: tuple(float(n).hex() for n in numbers),
    ir.AttributeType.TENSOR: _bits,
}
