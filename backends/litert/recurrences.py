"""LSTM, GRU and RNN step by step, in ops that have kernels for codes.

    LSTM  c' = f c + i g                          h' = o tanh(c')
    GRU   h' = n + z (h - n)                      n = tanh(W x + b + r (R h + d)), or R (r h)
    RNN   h' = tanh(W x + R h + b)

What hangs on the input alone is one product for all steps. A value between two steps is 1, B, N.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.cells import defaults
from mcompile.backends.litert.rows import Spelling
from mcompile.backends.litert.sequences import used
from mcompile.graph import array
from mcompile.types import Array

State = ir.Value | None
"""A state between two steps; None for zeros."""
MOST_STEPS = 128
"""Of a sequence that is unrolled: each step has a dozen scales of its own."""
_PIECES = 13
"""The operator set since which Split reads the sizes."""


def unrolled(write: Spelling, node: ir.Node) -> ir.Value | None:
    """Y of a recurrent layer; its last states are replaced on the way.

    None where it cannot be unrolled: other curves, peepholes, sequences of several lengths, weights
    or a number of steps that are not known.
    """
    layer = _layer(write, node)
    if layer is None:
        return None
    outputs, states = [], list[list[ir.Value]]()
    for index, direction in enumerate(layer.directions):
        cell = _CELLS[node.op_type](layer, index)
        found, last = _run(cell, reverse=direction == "reverse")
        outputs.append(write("Unsqueeze", write("Concat", *found, axis=0), np.array([1])))
        states.append(last)
    for place, parts in enumerate(zip(*states, strict=True), 1):
        if len(node.outputs) > place and used(node.outputs[place]):
            made = parts[0] if len(parts) == 1 else write("Concat", *parts, axis=0)
            graph.replace(node.outputs[place], made)
    return outputs[0] if len(outputs) == 1 else write("Concat", *outputs, axis=1)


def _run(cell: Cell, *, reverse: bool) -> tuple[list[ir.Value], list[ir.Value]]:
    """What the cell hands on after each step, in the order of time, and its last states."""
    states: Sequence[State] = cell.start()
    made: list[list[ir.Value]] = []
    times = range(cell.layer.steps)
    for time in reversed(times) if reverse else times:
        made.append(cell.step(time, states))
        states = made[-1]
    outputs = [step[0] for step in made]
    return outputs[::-1] if reverse else outputs, made[-1]


@dataclass(frozen=True)
class Layer:
    """What all directions have in common."""

    write: Spelling
    node: ir.Node
    x: ir.Value
    steps: int
    hidden: int

    @property
    def directions(self) -> tuple[str, ...]:
        """In the order of the weights."""
        said = self.node.attributes.get_string("direction", "forward")
        return ("forward", "reverse") if said == "bidirectional" else (said,)

    def rows(self, index: int, direction: int, count: int) -> list[Array]:
        """An input's rows by gate, zeros where it is left out."""
        data = array(self.node.inputs[index]) if len(self.node.inputs) > index else None
        if data is None:
            return [np.zeros(self.hidden, np.float32)] * count
        return np.split(data[direction], count)


def _layer(write: Spelling, node: ir.Node) -> Layer | None:
    x, r = node.inputs[0], array(node.inputs[2])
    found = graph.dims(x) if x is not None else None
    if x is None or r is None or array(node.inputs[1]) is None or not found or len(found) != 3:
        return None
    steps = found[0]
    if not isinstance(steps, int) or not 0 < steps <= MOST_STEPS or write.opset < _PIECES:
        return None
    if not defaults(node) or not _is_plain(node, steps):
        return None
    return Layer(write, node, x, steps, r.shape[-1])


def _is_plain(node: ir.Node, steps: int) -> bool:
    """Whether nothing is asked that these cells do not do."""
    given = {k: v for k, v in enumerate(node.inputs) if v is not None}
    lengths = array(given[4]) if 4 in given else np.array(steps)
    known = 3 not in given or array(given[3]) is not None
    others = {"clip", "layout", "input_forget"} & {
        name for name, a in node.attributes.items() if name == "clip" or a.value
    }
    same = lengths is not None and bool((lengths == steps).all())
    return same and known and 7 not in given and not others


class Cell(ABC):
    """A direction of a layer; the output is the first of the states."""

    gates: ClassVar[int]
    states: ClassVar[int] = 1

    def __init__(self, layer: Layer, direction: int) -> None:
        self.layer, self.write, self.direction = layer, layer.write, direction
        self.w, self.r = (layer.rows(k, direction, self.gates) for k in (1, 2))
        both = layer.rows(3, direction, 2 * self.gates)
        self.wb, self.rb = both[: self.gates], both[self.gates :]
        self._kept: dict[int, ir.Value] = {}

    @abstractmethod
    def step(self, time: int, states: Sequence[State]) -> list[ir.Value]:
        """The states after one more step."""

    def start(self) -> list[State]:
        """The states before the first step, 1, B, H; None for zeros."""
        given = [*self.layer.node.inputs[5:], None, None][: self.states]
        return [self._of_direction(value) for value in given]

    def _of_direction(self, value: State) -> State:
        data = array(value)
        if value is None or (data is not None and not data.any()):
            return None
        if data is not None:
            return self.write.number(data[self.direction : self.direction + 1])
        return self.write.split(value, len(self.layer.directions), 1, 0)[self.direction]

    def ahead(self, rows: Sequence[Array], bias: Sequence[Array]) -> list[ir.Value]:
        """W x + b for every step."""
        whole = self.write("MatMul", self.layer.x, np.concatenate(rows).T)
        whole = self.write("Add", whole, np.concatenate(bias))
        return self.write.split(whole, self.layer.steps, 1, 0)

    def again(self, h: ir.Value, first: int, end: int) -> ir.Value:
        """R h of those gates; their weights are stored once."""
        if first not in self._kept:
            self._kept[first] = self.write.number(np.concatenate(self.r[first:end]).T)
        return self.write("MatMul", h, self._kept[first])

    def parts(self, x: ir.Value, count: int) -> list[ir.Value]:
        """Blocks of columns, one a gate."""
        return self.write.split(x, count, self.layer.hidden, 2)

    def sum(self, x: ir.Value, h: State, first: int, end: int) -> ir.Value:
        """x + R h"""
        return x if h is None else self.write("Add", x, self.again(h, first, end))


class Lstm(Cell):
    """Gates input, output, forget, cell, as the standard has them."""

    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2

    def __init__(self, layer: Layer, direction: int) -> None:
        super().__init__(layer, direction)
        self.inputs = self.ahead(self.w, [a + b for a, b in zip(self.wb, self.rb, strict=True)])

    def step(self, time: int, states: Sequence[State]) -> list[ir.Value]:
        """Hidden state, cell state."""
        write, (h, c) = self.write, states
        i, o, f, g = self.parts(self.sum(self.inputs[time], h, 0, 4), 4)
        cell = write("Mul", write("Sigmoid", i), write("Tanh", g))
        if c is not None:
            cell = write("Add", write("Mul", write("Sigmoid", f), c), cell)
        return [write("Mul", write("Sigmoid", o), write("Tanh", cell)), cell]


class Gru(Cell):
    """Gates update, reset, hidden."""

    gates: ClassVar[int] = 3

    def __init__(self, layer: Layer, direction: int) -> None:
        super().__init__(layer, direction)
        self.after = bool(graph.integer(layer.node, "linear_before_reset", 0))
        sums = [a + b for a, b in zip(self.wb, self.rb, strict=True)]
        self.ways = self.ahead(self.w[:2], sums[:2])
        self.hiddens = self.ahead(self.w[2:], [self.wb[2] if self.after else sums[2]])

    def step(self, time: int, states: Sequence[State]) -> list[ir.Value]:
        """The hidden state."""
        write, h, new = self.write, states[0], self.hiddens[time]
        z, r = (write("Sigmoid", g) for g in self.parts(self.sum(self.ways[time], h, 0, 2), 2))
        if self.after:
            bias = self.rb[2].reshape(1, 1, -1)
            term = bias if h is None else write("Add", self.again(h, 2, 3), self.rb[2])
            new = write("Add", new, write("Mul", r, term))
        elif h is not None:
            new = write("Add", new, self.again(write("Mul", r, h), 2, 3))
        n = write("Tanh", new)
        if h is None:
            return [write("Sub", n, write("Mul", z, n))]
        return [write("Add", n, write("Mul", z, write("Sub", h, n)))]


class Rnn(Cell):
    """One gate."""

    gates: ClassVar[int] = 1

    def __init__(self, layer: Layer, direction: int) -> None:
        super().__init__(layer, direction)
        self.inputs = self.ahead(self.w, [self.wb[0] + self.rb[0]])

    def step(self, time: int, states: Sequence[State]) -> list[ir.Value]:
        """The hidden state."""
        return [self.write("Tanh", self.sum(self.inputs[time], states[0], 0, 1))]


_CELLS: dict[str, type[Cell]] = {"LSTM": Lstm, "GRU": Gru, "RNN": Rnn}
