"""Writes factors of lanes into the weights of a copy.

    v' = v / s      makers of v: w / s, b / s      readers of v: w * s

Products are taken in float64 and rounded once.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from mcompile.graph import array, clone, constant, fresh, name_of, naming, program
from mcompile.quantize.lanes import Lanes
from mcompile.quantize.restated import Factors
from mcompile.types import Array, Program


class Scaling:
    """A copy of a program whose lanes are being divided; the source is left as it was."""

    def __init__(self, source: Program) -> None:
        self._source = source
        self.target = clone(source)
        self.factors: Factors = {}
        self._by: dict[tuple[ir.Node, int], dict[bool, Array]] = {}

    @property
    def graph(self) -> ir.Graph:
        """The graph of the copy."""
        return self.target.graph.graph

    def data(self, node: ir.Node, index: int) -> Array:
        """A constant of the copy as it stands, in float64."""
        found = np.asarray(array(node.inputs[index]), np.float64)
        for factor in self._by.get((node, index), {}).values():
            found = found * factor
        return found

    def _multiply(self, node: ir.Node, index: int, factor: Array, *, inverse: bool) -> None:
        """Factors of rows and of columns are kept apart: together they are as large as weights."""
        kept = self._by.setdefault((node, index), {})
        kept[inverse] = kept.get(inverse, 1.0) * factor

    def divide(self, lanes: Lanes, factors: Array) -> None:
        """Divide each free lane by its factor."""
        factors = np.where(lanes.free, factors, 1.0)
        for edit in lanes.edits:
            own = factors[edit.lanes]
            own = 1.0 / own if edit.inverse else own
            self._multiply(edit.node, edit.index, own, inverse=edit.inverse)
        for value, ids in lanes.held.items():
            name = name_of(value)
            before = self.factors[name][1] if name in self.factors else 1.0
            self.factors[name] = name, before * factors[ids]

    def insert(self, value: ir.Value, factors: Array, readers: Mapping[ir.Node, Array]) -> None:
        """Divide what those layers read by a Mul of its own.

        `factors` have the rank of the tensor; `readers` give them in the shape of each weight.
        """
        name = name_of(value)
        inverse = constant(self.graph, f"{name}.smoothing", (1.0 / factors).astype(np.float32))
        made = fresh(self.graph, f"{name}.smoothed")
        node = ir.node("Mul", [value, inverse], name=made)
        smoothed = node.outputs[0]
        smoothed.name, smoothed.type, smoothed.shape = made, value.type, value.shape
        maker = value.producer()
        if maker is None:
            self.graph.insert_before(self.graph[0], node)
        else:
            self.graph.insert_after(maker, node)
        for reader, own in readers.items():
            self._multiply(reader, 1, own, inverse=False)
            reader.replace_input_with(0, smoothed)
        before = self.factors[name][1] if name in self.factors else 1.0
        self.factors[made] = name, before * factors

    def written(self) -> Program:
        """The copy with its new constants."""
        with naming(self.target.graph):
            for node, index in self._by:
                self._put(node, index, self.data(node, index).astype(np.float32))
        return program(self._source.name, self.target.graph)

    def _put(self, node: ir.Node, index: int, data: Array) -> None:
        """Another node may read the old constant, and keeps it."""
        old = node.inputs[index]
        if old is None:
            return
        name = name_of(old)
        new = constant(self.graph, name, data)
        node.replace_input_with(index, new)
        if not old.uses():
            del self.graph.initializers[name]
            new.name = name
