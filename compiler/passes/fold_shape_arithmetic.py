"""Arithmetic on sizes whose outcome is the same in every run becomes its value.

    Gather(Shape(x), 2)  with x: [batch, 3, 224, 224]   ->   224
    Div(Mul(n, 4), n') with n = n' = 8   ->   4        Equal(Shape(x), -1)   ->   false

Each entry is followed upstream as a polynomial over the sizes that are free. Where all free sizes
cancel, or are not picked, the entries are numbers. Nothing is followed that could round or wrap
around: a quotient is known only where it is exact or not negative.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import extents
from mcompile.rules import Phase, Rule, Skip
from mcompile.types import Array


@dataclass(frozen=True)
class Number:
    """The output of a node, and what it is."""

    output: ir.Value
    data: Array


class FoldShapeArithmetic(Rule[Number]):
    root = tuple(sorted(extents.READ))
    phase = Phase.CLEAN

    def match(self, node: ir.Node) -> Number | Skip | None:
        output = node.outputs[0]
        if graph.is_dead(node) or all(v is None or graph.is_constant(v) for v in node.inputs):
            return None
        found = extents.entries(output)
        numbers = found.numbers() if found is not None else None
        if found is None or numbers is None:
            return None
        if output.is_graph_output():
            return Skip(f"{output.name} is an output, and an output is made by a node")
        shape = () if found.scalar else (len(numbers),)
        return Number(output, np.array(numbers, found.dtype.numpy()).reshape(shape))

    def rewrite(self, found: Number) -> None:
        node = found.output.producer()
        if node is not None:
            name = graph.name_of(found.output)
            graph.replace(found.output, graph.initializer(graph.owner(node), name, found.data))
