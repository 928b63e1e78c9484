"""What recurrent layers have in common: their weights by direction and gate, and their ports.

    X [T, B, I], W [D, G*H, I], R [D, G*H, H], B [D, 2*G*H]  ->  Y [T, D, B, H], Y_h, Y_c [D, B, H]

With `layout` 1 the batch comes first in the program; memory is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.walk import Walk
from mcompile.types import Array

WAY_OUT = "padding that the model masks itself, or a sequence for each length"


@dataclass(frozen=True)
class Layer:
    """A recurrent node. `x` lies T, B, I; `gates` is how many blocks of rows its weights have."""

    walk: Walk
    node: ir.Node
    gates: int
    x: Tensor
    hidden: int
    directions: tuple[str, ...]

    @classmethod
    def of(cls, walk: Walk, node: ir.Node, gates: int) -> Layer:
        """The layer, once what no operator computes is ruled out."""
        said = node.attributes.get_string("direction", "forward")
        directions = ("forward", "reverse") if said == "bidirectional" else (said,)
        if "clip" in node.attributes:
            raise walk.place.refused("LiteRT cannot clip what goes into the gates")
        batch_first = node.attributes.get_int("layout", 0)
        x = walk.read(node.inputs[0], (1, 0, 2) if batch_first else None)
        hidden = walk.shape(node.inputs[2])[-1]
        made = cls(walk, node, gates, x, hidden, directions)
        made._demand_whole_sequences()
        return made

    @property
    def steps(self) -> int:
        """How many steps the sequence has."""
        return self.x.shape[0]

    @property
    def batch(self) -> int:
        """How many sequences are read side by side."""
        return self.x.shape[1]

    def blocks(self, index: int, direction: int) -> list[Array]:
        """An input's rows by gate; of biases those of W, then those of R, zeros without any."""
        value = self.node.inputs[index] if len(self.node.inputs) > index else None
        count = 2 * self.gates if index == 3 else self.gates
        if value is None:
            return [np.zeros(self.hidden, np.float32)] * count
        known = self.walk.known(value)
        if known is None:
            raise self.walk.place.refused("its weights are computed when the model runs")
        return list(np.split(np.ascontiguousarray(known[direction]), count))

    def stored(self, name: str, *blocks: Array) -> Tensor:
        """Blocks of rows, one under the other, as one constant."""
        data = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        constant = self.walk.draft.constant(f"{self.label}.{name}", np.ascontiguousarray(data))
        return self.walk.real(constant)

    @property
    def label(self) -> str:
        """What tensors of the layer are named after."""
        return self.node.name or self.node.outputs[0].name or "recurrent"

    def tensor(self, shape: Sequence[int]) -> Tensor:
        """A tensor between operators of the layer."""
        return self.walk.draft.tensor(f"{self.label}.step", shape, "float32")

    def emit(self, kind: str, inputs: Sequence[Tensor | None], shape: Sequence[int],
             options: str = "", **fields: object) -> Tensor:  # fmt: skip
        """Append an operator and hand back what it makes."""
        made = self.tensor(shape)
        self.walk.draft.emit(kind, inputs, [made], options, **fields)
        return made

    def initial(self, index: int, direction: int) -> Tensor | Array:
        """The state before the first step, B, H: an array where it is known, or spreads over B."""
        value = self.node.inputs[index] if len(self.node.inputs) > index else None
        if value is None:
            return np.zeros((1, self.hidden), np.float32)
        batch_first = self.node.attributes.get_int("layout", 0)
        known = self.walk.known(value)
        if known is not None:
            data = known.transpose(1, 0, 2) if batch_first else known
            return np.asarray(data[direction], np.float32)
        found = self.walk.read(value, (1, 0, 2) if batch_first else None)
        return self.of_direction(found, direction)

    def of_direction(self, states: Tensor, direction: int) -> Tensor:
        """B, H of D, B, H."""
        shape = (self.batch, self.hidden)
        if len(self.directions) == 1:
            made = self.tensor(shape)
            self.walk.draft.reshape(states, made)
            return made
        return self.at(states, direction, shape)

    def at(self, source: Tensor, index: int, shape: Sequence[int]) -> Tensor:
        """One entry along the first axis, which is dropped; -1 is the last."""
        rank = len(source.shape)
        number = self.walk.draft.constant
        begin = number("begin", np.array([index, *[0] * (rank - 1)], np.int32))
        end = number("end", np.array([index + 1, *[0] * (rank - 1)], np.int32))
        steps = number("steps", np.ones(rank, np.int32))
        rest = (1 << rank) - 2
        return self.emit(
            "STRIDED_SLICE", [source, begin, end, steps], shape, "StridedSliceOptions",
            beginMask=rest, endMask=rest | (index == -1), shrinkAxisMask=1,
        )  # fmt: skip

    def hand_on(self, outputs: Sequence[Tensor], states: Sequence[Sequence[Tensor]]) -> None:
        """Write Y of T, B, H for each direction, and each final state of B, H likewise."""
        batch_first = self.node.attributes.get_int("layout", 0)
        orders = [(1, 2, 0, 3), (1, 0, 2), (1, 0, 2)] if batch_first else [None] * 3
        shape = (self.steps, 1, self.batch, self.hidden)
        for index, found in enumerate((outputs, *states)):
            if index >= len(self.node.outputs) or not used(self.node.outputs[index]):
                continue
            wide = shape if index == 0 else shape[1:]
            made = self.walk.make(orders[index], index)
            if len(found) == 1:
                self.walk.draft.reshape(found[0], made)
                continue
            parts = [self.tensor(wide) for _ in found]
            for tensor, part in zip(found, parts, strict=True):
                self.walk.draft.reshape(tensor, part)
            self.walk.draft.emit(
                "CONCATENATION", parts, [made], "ConcatenationOptions", axis=int(index == 0)
            )

    def _demand_whole_sequences(self) -> None:
        value = self.node.inputs[4] if len(self.node.inputs) > 4 else None
        if value is None:
            return
        constant = self.walk.constant(value)
        if constant is None or (constant.data != self.steps).any():
            raise self.walk.place.refused("sequences of different lengths", WAY_OUT)


def used(value: ir.Value) -> bool:
    """Whether anybody reads an output."""
    return bool(value.name) and (value.is_graph_output() or bool(value.uses()))
