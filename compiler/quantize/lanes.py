"""Which channels can be scaled inside of a program without anyone outside of it noticing.

    f(x / s) = f(x) / s    for s > 0: Relu, LeakyRelu, PRelu, pools, sums, whatever moves values

From the layer that makes a tensor on, through such ops and into the layers that read it, the
channels form lanes. Each can be divided by a number of its own: the weights and biases that make
it are divided, the weights that read it multiplied. A residual stream is one set of lanes, however
many layers write to it. A lane that reaches anything else (an output of the model, a Clip, a
Sigmoid) is fixed, and the others are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from mcompile.graph import is_constant, name_of
from mcompile.quantize.edits import LAYERS, NORMS, Edit, constant_of, input_edits, output_edits
from mcompile.quantize.regroup import regrouped
from mcompile.types import Array

_EVEN = {"Relu", "LeakyRelu", "PRelu", "Identity", "Neg", "Abs"}
_POOLS = {"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"}
_MOVES = {"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze"}
_SUMS = {"Add", "Sub"}
_MAKERS = LAYERS | NORMS | {"Mul"}
_BLIND = {"Shape", "Size"}


@dataclass
class Lanes:
    """Lanes 0..count-1: the lane of each element of the tensors they run through, broadcast.

    `fixed` says of every lane that cannot be scaled why.
    """

    count: int
    held: dict[ir.Value, Array] = field(default_factory=dict)
    edits: list[Edit] = field(default_factory=list)
    fixed: dict[int, str] = field(default_factory=dict)

    @property
    def free(self) -> Array:
        """Which lanes can be scaled."""
        found = np.ones(self.count, bool)
        found[list(self.fixed)] = False
        return found

    def readers(self) -> Iterator[Edit]:
        """The weights that read the lanes."""
        return (e for e in self.edits if not e.inverse and e.node.op_type in LAYERS)

    def makers(self) -> Iterator[Edit]:
        """The weights that the lanes are made with."""
        return (e for e in self.edits if e.inverse and e.weight and e.node.op_type in LAYERS)


def lanes(graph: ir.Graph) -> list[Lanes]:
    """All sets of lanes of a graph that somebody reads with weights, in the order of execution."""
    found: list[Lanes] = []
    known: set[ir.Value] = set()
    for node in graph:
        if node.domain or node.op_type not in _MAKERS or node.outputs[0] in known:
            continue
        ids = _own(node)
        if ids is None:
            continue
        walk = _Walk(graph, Lanes(ids.size))
        walk.over(node.outputs[0], ids)
        known |= {*walk.lanes.held}
        if any(walk.lanes.readers()):
            found.append(walk.lanes)
    return found


def _own(node: ir.Node) -> Array | None:
    """The lanes of what a node makes: one for each channel."""
    shape = node.outputs[0].shape
    if shape is None or shape.rank() < 2:
        return None
    axis = 1 if node.op_type == "Conv" else shape.rank() - 1
    if node.op_type == "Mul":  # what it makes has its channels where its constant has them
        index = constant_of(node)
        value = node.inputs[index] if index is not None else None
        given = value.shape if value is not None else None
        wide = [k for k, d in enumerate(given.dims) if d != 1] if given is not None else []
        if given is None or len(wide) != 1:
            return None
        axis = shape.rank() - given.rank() + wide[0]
    size = shape[axis]
    sizes = [size if k == axis else 1 for k in range(shape.rank())]
    return np.arange(size).reshape(sizes) if isinstance(size, int) and size > 1 else None


class _Walk:
    def __init__(self, graph: ir.Graph, lanes: Lanes) -> None:
        self.lanes, self._graph = lanes, graph
        self._waiting: list[ir.Value] = []

    def over(self, value: ir.Value, ids: Array) -> None:
        self._reach(value, ids)
        while self._waiting:
            value = self._waiting.pop()
            ids, maker = self.lanes.held[value], value.producer()
            if value.is_graph_output():
                self._fix(ids, f"{value.name} leaves the graph")
            if maker is None or value is not maker.outputs[0]:
                self._fix(ids, f"{value.name} is given")
            else:
                self._made(maker, ids)
            for use in value.uses():
                self._read(use.node, use.idx, ids)

    def _fix(self, ids: Array, why: str) -> None:
        for lane in np.unique(ids):
            self.lanes.fixed.setdefault(int(lane), why)

    def _reach(self, value: ir.Value | None, ids: Array | None) -> None:
        if value is None or ids is None:
            return
        sizes = value.shape.dims if value.shape is not None else ()
        known = self.lanes.held.get(value)
        if len(sizes) != ids.ndim or any(
            n not in (1, d) for n, d in zip(ids.shape, sizes, strict=True)
        ):
            self._fix(ids, f"{value.name} is broadcast")
        elif known is None:
            self.lanes.held[value] = ids
            self._waiting.append(value)
        elif known.shape != ids.shape or (known != ids).any():
            self._fix(ids, f"{value.name} mixes channels")
            self._fix(known, f"{value.name} mixes channels")

    def _made(self, node: ir.Node, ids: Array) -> None:
        op = "" if node.domain or node.graph is not self._graph else node.op_type
        if op in LAYERS or op in NORMS or (op == "Mul" and constant_of(node) is not None):
            self._edit(node, output_edits(node, ids), ids)
        else:
            self._pass(node, op, ids, forward=False)

    def _read(self, node: ir.Node, index: int, ids: Array) -> None:
        op = "" if node.domain or node.graph is not self._graph else node.op_type
        if op in LAYERS or (op == "Mul" and constant_of(node) is not None):
            self._edit(node, input_edits(node, ids) if index == 0 or op == "Mul" else [], ids)
        elif index == 0 or op in _SUMS:
            if op not in _BLIND:
                self._pass(node, op, ids, forward=True)
        else:
            self._fix(ids, f"{node.op_type} reads more than data from it")

    def _edit(self, node: ir.Node, edits: list[Edit], ids: Array) -> None:
        for edit in edits:
            value = node.inputs[edit.index]
            if not is_constant(value) or value is None or value.dtype != ir.DataType.FLOAT:
                edits = []
        if not edits:
            self._fix(ids, f"{node.op_type} {name_of(node.outputs[0])} cannot take a factor in")
        known = {(id(e.node), e.index, e.inverse) for e in self.lanes.edits}
        self.lanes.edits += [e for e in edits if (id(node), e.index, e.inverse) not in known]

    def _pass(self, node: ir.Node, op: str, ids: Array, *, forward: bool) -> None:
        """Go on through an op that a positive factor does not see."""
        source, made = node.inputs[0] if node.inputs else None, node.outputs[0]
        if op in _EVEN or (op in _POOLS and all(n == 1 for n in ids.shape[2:])):
            self._reach(made if forward else source, ids)
        elif op in _MOVES and source is not None:
            moved = regrouped(node, ids, forward=forward)
            if moved is None:
                self._fix(ids, f"{op} {name_of(made)} mixes channels")
            self._reach(made if forward else source, moved)
        elif op in _SUMS:
            self._sum(node, ids)
        else:
            self._fix(ids, f"{name_of(made)} is made by {node.op_type}")

    def _sum(self, node: ir.Node, ids: Array) -> None:
        index = constant_of(node)
        if index is not None:
            given = node.inputs[index]
            rank = given.shape.rank() if given is not None and given.shape is not None else 0
            fits = rank <= ids.ndim and all(n == 1 for n in ids.shape[: ids.ndim - rank])
            own = ids.reshape(ids.shape[ids.ndim - rank :]) if fits and rank else ids
            self._edit(node, [Edit(node, index, own, True, False)] if rank <= ids.ndim else [], ids)
        for value in (*node.inputs, node.outputs[0]):
            if not is_constant(value):
                self._reach(value, ids)
