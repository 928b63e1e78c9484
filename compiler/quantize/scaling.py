"""Writes factors of lanes into the weights of a copy.

    v' = v / s      makers of v: w / s, b / s      readers of v: w * s

Products are taken in float64 and rounded once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mcompile.graph import array, clone, constant, fresh, integer, name_of, naming, program
from mcompile.quantize.lanes import Lanes
from mcompile.quantize.restated import Factors
from mcompile.types import Array, Divided, Program


class Scaling:
    """A copy of a program whose lanes are being divided; the source is left as it was.

    The same steps on the same program give the same copy, bit for bit.
    """

    def __init__(self, source: Program) -> None:
        self._source = source
        self.target = clone(source)
        self.factors: Factors = {}
        self._steps: dict[tuple[str, bool], Divided] = {}
        self._by: dict[tuple[ir.Node, int], dict[tuple[str, bool], Array]] = {}

    @property
    def steps(self) -> tuple[Divided, ...]:
        """What was divided by how much in all, in the order in which it was begun."""
        return tuple(self._steps.values())

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

    def divide(self, lanes: Lanes, factors: Array) -> None:
        """Divide each free lane by its factor."""
        root = root_of(lanes)
        before = self._steps.get((root, False))
        total = np.where(lanes.free, factors, 1.0) * (before.by if before else 1.0)
        self._steps[root, False] = Divided(root, total)
        for edit in lanes.edits:
            own = total[edit.lanes]
            # Factors of rows and of columns are kept apart: together they are as large as weights.
            kept = self._by.setdefault((edit.node, edit.index), {})
            kept[root, edit.inverse] = 1.0 / own if edit.inverse else own
        for value, ids in lanes.held.items():
            self.factors[name_of(value)] = name_of(value), total[ids]

    def insert(self, value: ir.Value, by: Array, readers: Sequence[ir.Node]) -> None:
        """Divide each channel of what those linear layers read by a Mul of its own."""
        name, rank = name_of(value), value.shape.rank() if value.shape is not None else 1
        made_by = tuple(name_of(r.outputs[0]) for r in readers)
        self._steps[name, True] = Divided(name, by, made_by)
        sizes = [1] * rank
        sizes[channel_axis(readers)] = by.size
        made = self._mul(value, by.reshape(sizes))
        for reader in readers:
            kept = self._by.setdefault((reader, 1), {})
            kept[name_of(made), False] = by.reshape(across(reader, by.size))
            reader.replace_input_with(0, made)

    def _mul(self, value: ir.Value, factors: Array) -> ir.Value:
        """The value divided, under a name of its own, for those who take in their weights."""
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
        before = self.factors[name][1] if name in self.factors else 1.0
        self.factors[made] = name, before * factors
        return smoothed

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


def root_of(lanes: Lanes) -> str:
    """The value that the lanes are told by: what their first layer makes."""
    return name_of(next(iter(lanes.held)))


def channel_axis(readers: Sequence[ir.Node]) -> int:
    """The axis along which linear layers read channels."""
    return 1 if readers[0].op_type == "Conv" else -1


def across(node: ir.Node, channels: int) -> list[int]:
    """The shape in which a vector over input channels is multiplied with the layer's weight."""
    weight = node.inputs[1]
    rank = weight.shape.rank() if weight is not None and weight.shape is not None else 2
    sizes = [1] * rank
    second = node.op_type == "Conv" or (node.op_type == "Gemm" and integer(node, "transB", 0))
    sizes[1 if second else 0] = channels
    return sizes
