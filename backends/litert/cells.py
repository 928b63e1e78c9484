"""One step of a recurrent layer, of ops that are there: products, sums and curves.

    LSTM  c' = f c + i g                          h' = o tanh(c')
    GRU   h' = n + z (h - n)                      n = tanh(Wx + b + r (R h + d)), or R (r h)
    RNN   h' = tanh(W x + R h + b)

What hangs on the input alone is one FULLY_CONNECTED for all steps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.sequences import Layer
from mcompile.types import Array

_CURVES = {"sigmoid": "LOGISTIC", "tanh": "TANH", "relu": "RELU"}
_DEFAULTS = {"LSTM": ("sigmoid", "tanh", "tanh"), "GRU": ("sigmoid", "tanh"), "RNN": ("tanh",)}


def defaults(node: ir.Node) -> bool:
    """Whether every direction has the curves that the standard names first."""
    wanted = _DEFAULTS[node.op_type]
    said = [s.lower() for s in node.attributes.get_strings("activations", wanted)]
    return all(tuple(said[k : k + len(wanted)]) == wanted for k in range(0, len(said), len(wanted)))


class Cell(ABC):
    """A direction of a layer. `states` counts those that go from step to step, the output first."""

    states: ClassVar[int] = 1

    def __init__(self, layer: Layer, direction: int) -> None:
        self.layer, self.size = layer, layer.hidden
        self.w, self.r = layer.blocks(1, direction), layer.blocks(2, direction)
        biases = layer.blocks(3, direction)
        self.wb, self.rb = biases[: layer.gates], biases[layer.gates :]
        wanted = _DEFAULTS[layer.node.op_type]
        said = layer.node.attributes.get_strings("activations", wanted * len(layer.directions))
        own = said[direction * len(wanted) :][: len(wanted)]
        self.curves = [self._curve(name) for name in own]

    @abstractmethod
    def step(self, time: int, states: Sequence[Tensor]) -> list[Tensor]:
        """The states after one more step."""

    def ahead(self, rows: Sequence[Array], bias: Sequence[Array]) -> list[Tensor]:
        """W x + b for every step, each B, N."""
        layer = self.layer
        width = sum(len(r) for r in rows)
        whole = self.product(layer.x, rows, bias)
        made = [layer.tensor((layer.batch, width)) for _ in range(layer.steps)]
        layer.walk.draft.emit("UNPACK", [whole], made, "UnpackOptions", num=layer.steps, axis=0)
        return made

    def product(self, source: Tensor, rows: Sequence[Array], bias: Sequence[Array]) -> Tensor:
        """One FULLY_CONNECTED with blocks of rows."""
        width = sum(len(r) for r in rows)
        inputs = [source, self.layer.stored("rows", *rows), self.layer.stored("bias", *bias)]
        return self.layer.emit(
            "FULLY_CONNECTED", inputs, (*source.shape[:-1], width),
            "FullyConnectedOptions", keepNumDims=len(source.shape) > 2,
        )  # fmt: skip

    def both(self, kind: str, left: Tensor, right: Tensor) -> Tensor:
        """ADD, SUB or MUL, entry by entry."""
        options = f"{kind.capitalize()}Options"
        return self.layer.emit(kind, [left, right], left.shape, options)

    def curve(self, kind: str, source: Tensor) -> Tensor:
        """A curve, entry by entry."""
        return self.layer.emit(kind, [source], source.shape)

    def split(self, source: Tensor, count: int) -> list[Tensor]:
        """Blocks of columns of the layer's size."""
        walk = self.layer.walk
        made = [self.layer.tensor((source.shape[0], self.size)) for _ in range(count)]
        axis = walk.draft.constant("axis", np.array(1, np.int32))
        walk.draft.emit("SPLIT", [axis, source], made, "SplitOptions", numSplits=count)
        return made

    def none(self, count: int) -> list[Array]:
        """Biases of nothing for so many gates."""
        return [np.zeros(self.size, np.float32)] * count

    def _curve(self, name: str) -> str:
        found = _CURVES.get(name.lower())
        if found is None:
            raise self.layer.walk.place.refused(
                f"the activation {name} in a recurrent layer", ", ".join(sorted(_CURVES))
            )
        return found


class Lstm(Cell):
    """Gates input, output, forget, cell, as the standard has them."""

    states: ClassVar[int] = 2

    def __init__(self, layer: Layer, direction: int) -> None:
        super().__init__(layer, direction)
        if len(layer.node.inputs) > 7 and layer.node.inputs[7] is not None:
            raise layer.walk.place.refused("peepholes beside other curves or a final cell state")
        self.inputs = self.ahead(self.w, [a + b for a, b in zip(self.wb, self.rb, strict=True)])

    def step(self, time: int, states: Sequence[Tensor]) -> list[Tensor]:
        """Hidden state, cell state."""
        gate, into, out = self.curves
        again = self.product(states[0], self.r, self.none(4))
        i, o, f, c = self.split(self.both("ADD", self.inputs[time], again), 4)
        kept = self.both("MUL", self.curve(gate, f), states[1])
        new = self.both("MUL", self.curve(gate, i), self.curve(into, c))
        cell = self.both("ADD", kept, new)
        return [self.both("MUL", self.curve(gate, o), self.curve(out, cell)), cell]


class Gru(Cell):
    """Gates update, reset, hidden."""

    def __init__(self, layer: Layer, direction: int) -> None:
        super().__init__(layer, direction)
        self.after = bool(layer.node.attributes.get_int("linear_before_reset", 0))
        gates = [a + b for a, b in zip(self.wb[:2], self.rb[:2], strict=True)]
        hidden = self.wb[2] if self.after else self.wb[2] + self.rb[2]
        self.gates = self.ahead(self.w[:2], gates)
        self.hiddens = self.ahead(self.w[2:], [hidden])

    def step(self, time: int, states: Sequence[Tensor]) -> list[Tensor]:
        """The hidden state."""
        h = states[0]
        again = self.product(h, self.r[:2], self.none(2))
        both = self.curve(self.curves[0], self.both("ADD", self.gates[time], again))
        z, r = self.split(both, 2)
        if self.after:
            term = self.both("MUL", self.product(h, self.r[2:], [self.rb[2]]), r)
        else:
            term = self.product(self.both("MUL", h, r), self.r[2:], self.none(1))
        n = self.curve(self.curves[1], self.both("ADD", self.hiddens[time], term))
        return [self.both("ADD", n, self.both("MUL", z, self.both("SUB", h, n)))]


class Rnn(Cell):
    """One gate."""

    def __init__(self, layer: Layer, direction: int) -> None:
        super().__init__(layer, direction)
        self.inputs = self.ahead(self.w, [self.wb[0] + self.rb[0]])

    def step(self, time: int, states: Sequence[Tensor]) -> list[Tensor]:
        """The hidden state."""
        again = self.product(states[0], self.r, self.none(1))
        return [self.curve(self.curves[0], self.both("ADD", self.inputs[time], again))]


_CELLS: dict[str, type[Cell]] = {"LSTM": Lstm, "GRU": Gru, "RNN": Rnn}


def cell_of(layer: Layer, direction: int) -> Cell:
    """What one direction of the layer does at each step."""
    return _CELLS[layer.node.op_type](layer, direction)
