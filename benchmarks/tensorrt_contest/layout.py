"""Where the Q/DQ pairs of a graph stand: which inputs of which nodes are read dequantized."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from mcompile.types import Array

_PAIR = {"QuantizeLinear", "DequantizeLinear"}
_AXIS = 1
"""Along which DequantizeLinear has its scales where it says nothing."""

Slot = tuple[str, int]
"""An input of a node: the name of the first value that the node makes, and the input's index."""


@dataclass(frozen=True)
class Pair:
    """The scales of one pair, float32, and their axis; None for one scale."""

    scale: Array
    axis: int | None

    def equals(self, other: Pair) -> bool:
        """Whether both hold the same numbers, but for the rounding of a float32."""
        same = self.axis == other.axis and self.scale.shape == other.scale.shape
        return same and bool(np.allclose(self.scale, other.scale, rtol=1e-4, atol=0.0))

    def __str__(self) -> str:
        return "tensor" if self.axis is None else f"axis {self.axis}"


def pairs(model: onnx.ModelProto) -> dict[Slot, Pair]:
    """Every input that is read dequantized.

    Weights may be integers, or real numbers behind a pair of their own; scales may be half floats,
    and scalars vectors of one: what is told is the same.
    """
    makers = {o: n for n in model.graph.node for o in n.output}
    constants = dict(_constants(model.graph))
    found: dict[Slot, Pair] = {}
    for node in model.graph.node:
        if node.op_type in _PAIR:
            continue
        for index, name in enumerate(node.input):
            maker = makers.get(name)
            if maker is not None and maker.op_type == "DequantizeLinear":
                found[node.output[0], index] = _pair(maker, constants)
    return found


def _constants(graph: onnx.GraphProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    yield from ((tensor.name, tensor) for tensor in graph.initializer)
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            yield node.output[0], node.attribute[0].t


def _pair(maker: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> Pair:
    scale = numpy_helper.to_array(constants[maker.input[1]]).astype(np.float32).reshape(-1)
    axis = next((a.i for a in maker.attribute if a.name == "axis"), _AXIS)
    return Pair(scale, None if scale.size == 1 else axis)
