"""A node whose inputs are all known before the model runs becomes its value.

    Add(2, 3)  ->  5        Shape(x) with x: [1, 3, 224, 224]  ->  [1, 3, 224, 224]
    CastLike(2, x) with x: float  ->  2.0        Constant  ->  an initializer

The reference runtime computes the value, one node at a time, with its optimizer off. Left alone
are ops that draw random numbers, Q/DQ pairs (folding a DequantizeLinear of weights would undo the
quantization), text and types that numpy lacks, and values that would make the model grow by more
than 1 MB each or 64 MB in all. What is computed from such values is folded all the same where the
step between is no larger than what it is made of:

    ReduceMean(Square(w))  ->  the mean, w: 3 MB, though Square(w) would be a second 3 MB
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile import graph, oracle
from mcompile.errors import SourceError
from mcompile.rules import ANY, Phase, Rule, Skip
from mcompile.types import Array, Program

GROWTH_BYTES = 1_000_000
IN_ALL_BYTES = 64_000_000
_NEVER = oracle.RANDOM | {
    *("Identity", "Dropout"),
    *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"),
}
_TEXT = "OSU"
_STANDARD = ("", "ai.onnx")
_FAR = 8
"""Nodes in a row that are computed only for what is made of them."""


@dataclass(frozen=True)
class Known:
    """A node and what each of its outputs is."""

    node: ir.Node
    values: Sequence[Array]


class FoldConstants(Rule[Known]):
    root = ANY
    phase = Phase.CLEAN

    def start(self, program: Program) -> None:
        super().start(program)
        self._opsets = dict(program.graph.opset_imports)
        self._left = IN_ALL_BYTES

    def match(self, node: ir.Node) -> Known | Skip | None:
        if node.op_type in _NEVER or graph.is_dead(node):
            return None
        if not all(_is_known(node, k, v) for k, v in enumerate(node.inputs)) or _has_branches(node):
            return None
        inputs = self._inputs(node, {})
        if inputs is None:
            return None
        if node.domain not in _STANDARD:
            return Skip(f"what an op of {node.domain} computes is only known at run time")
        if any(v.is_graph_output() for v in node.outputs):
            return Skip(f"{node.outputs[0].name} is an output, and an output is made by a node")
        return self._value(node, inputs)

    def rewrite(self, found: Known) -> None:
        grown = sum(v.nbytes for v in found.values) - _freed(found.node)
        self._left -= max(0, grown) if found.node.op_type != "Constant" else 0
        for output, data in zip(_made(found.node), found.values, strict=True):
            same = next((v for v in found.node.inputs if v is not None and _is(v, data)), None)
            graph.replace(output, same or _frozen(found.node, output, data))

    def _inputs(
        self, node: ir.Node, passing: dict[ir.Value, Array]
    ) -> Sequence[Array | None] | None:
        """What the node reads; None where that is too large to be computed on the way."""
        found: list[Array | None] = []
        for index, value in enumerate(node.inputs):
            data = None if value is None else graph.array(value)
            if data is None and value is not None:
                data = _stand_in(node, index, value)
            if data is None and value is not None:
                data = self._in_passing(value, passing)
                if data is None:
                    return None
            found.append(data)
        return found

    def _in_passing(self, value: ir.Value, passing: dict[ir.Value, Array]) -> Array | None:
        """A value that is left to a node, computed for who reads it and then forgotten."""
        maker = value.producer()
        inputs = self._inputs(maker, passing) if maker and value not in passing else None
        if maker is None or inputs is None:
            return passing.get(value)
        read = sum(a.nbytes for a in inputs if a is not None)
        if oracle.size_of(maker, inputs, self._opsets) > min(read + GROWTH_BYTES, IN_ALL_BYTES):
            return None
        known = self._computed(maker, inputs)
        if isinstance(known, Known):
            passing |= zip(_made(maker), known.values, strict=True)
        return passing.get(value)

    def _value(self, node: ir.Node, inputs: Sequence[Array | None]) -> Known | Skip | None:
        if node.op_type == "Constant":
            data = _stated(node)
            return None if data is None else Known(node, [data])
        if node.op_type in {"Shape", "Size"} and not graph.is_constant(node.inputs[0]):
            return Known(node, [_measure(node)])
        size = oracle.size_of(node, inputs, self._opsets)
        if size > GROWTH_BYTES + _freed(node):
            return Skip(f"its value would add {size / 1e6:.1f} MB")
        if size > max(0, self._left) + _freed(node):
            return Skip(f"such values have added {IN_ALL_BYTES / 1e6:.0f} MB already")
        return self._computed(node, inputs)

    def _computed(self, node: ir.Node, inputs: Sequence[Array | None]) -> Known | Skip:
        try:
            values = oracle.evaluate(node, inputs, self._opsets)
        except SourceError as error:
            return Skip(error.what)
        if not all(isinstance(v, np.ndarray) for v in values):
            return Skip("its value is not a tensor")
        if not all(_readable(o, v) for o, v in zip(_made(node), values, strict=True)):
            return Skip("its value is of a type that numpy does not have")
        return Known(node, values)


def _is_known(node: ir.Node, index: int, value: ir.Value | None, far: int = _FAR) -> bool:
    """Whether the input is a constant, is computed from such alone, or matters by its type only."""
    if value is None or _stand_in(node, index, value) is not None:
        return True
    data = graph.array(value)
    if data is not None:
        return data.dtype.kind not in _TEXT
    maker = value.producer()
    if maker is None or not far or maker.domain not in _STANDARD or maker.op_type in _NEVER:
        return False
    inputs = enumerate(maker.inputs)
    return not _has_branches(maker) and all(_is_known(maker, k, v, far - 1) for k, v in inputs)


def _made(node: ir.Node) -> list[ir.Value]:
    return [v for v in node.outputs if v.name]


def _readable(output: ir.Value, data: Array) -> bool:
    """Whether the runtime gave a value as what it is: it hands float8 over as bytes."""
    if output.dtype is None:
        return data.dtype != np.uint8 and data.dtype.kind not in _TEXT
    return data.dtype.kind not in _TEXT and bool(output.dtype.numpy() == data.dtype)


def _stand_in(node: ir.Node, index: int, value: ir.Value) -> Array | None:
    """An empty array for a run-time input of which only the type or the shape matters."""
    if node.op_type == "CastLike" and index == 1 and value.dtype is not None:
        return np.empty(0, value.dtype.numpy())
    shape = value.shape
    if node.op_type in {"Shape", "Size"} and shape is not None and shape.is_static():
        return np.empty(0)
    return None


def _measure(node: ir.Node) -> Array:
    """The Shape or Size of a run-time value whose dimensions are all fixed."""
    shape = node.inputs[0].shape if node.inputs[0] is not None else None
    sizes = list(shape.numpy()) if shape is not None else []
    if node.op_type == "Size":
        return np.array(np.prod(sizes, dtype=np.int64))
    start, end = graph.integer(node, "start", 0), graph.integer(node, "end", len(sizes))
    return np.array(sizes[start:end], np.int64)


def _stated(node: ir.Node) -> Array | None:
    """The value of a Constant; None for strings and sparse tensors."""
    tensor = ir.convenience.get_const_tensor(node.outputs[0])
    if tensor is None or tensor.dtype == ir.DataType.STRING:
        return None
    return tensor.numpy()


def _freed(node: ir.Node) -> int:
    """Bytes of the constants that nobody reads once the node is gone."""
    sole = [v for v in node.inputs if v is not None and graph.sole_user(v) is node]
    return sum(v.const_value.nbytes for v in sole if v.const_value is not None)


def _frozen(node: ir.Node, output: ir.Value, data: Array) -> ir.Value:
    """The output as a constant of the same name: its node is about to go."""
    return graph.initializer(graph.owner(node), graph.name_of(output), data)


def _is(value: ir.Value, data: Array) -> bool:
    constant = graph.array(value) if graph.is_constant(value) else None
    if constant is None or (constant.dtype, constant.shape) != (data.dtype, data.shape):
        return False
    return bool(np.array_equal(_bits(constant), _bits(data)))


def _bits(data: Array) -> Array:
    return np.ascontiguousarray(data).reshape(-1).view(np.uint8)


def _has_branches(node: ir.Node) -> bool:
    kinds = {ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS}
    return any(a.type in kinds for a in node.attributes.values())
