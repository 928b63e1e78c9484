"""Layers that are linear maps with constant weights, seen alike: Conv, ConvTranspose, Gemm, MatMul.

    y = W x + b     and, folded into it,     s * y + t     or     W (s * x + t) + b

A MatMul has no bias of its own: a constant per column that is added to it counts as one. Sums are
done in float64 and rounded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.types import Array

OPS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})


@dataclass(frozen=True)
class Side:
    """Where the channels of a value lie: its rank if known, the axis from the end, how many."""

    rank: int | None
    axis: int
    channels: int


@dataclass(frozen=True)
class Layer:
    """The node that holds the weights and, behind a MatMul, the Add that holds its bias."""

    node: ir.Node
    added: ir.Node | None = None

    @property
    def op(self) -> str:
        return self.node.op_type

    @property
    def output(self) -> ir.Value:
        """What the layer makes, its bias included."""
        return (self.added or self.node).outputs[0]

    @property
    def weight(self) -> Array:
        return known(self.node.inputs[1])

    @property
    def group(self) -> int:
        return graph.integer(self.node, "group", 1)

    @property
    def transposed(self) -> bool:
        return bool(graph.integer(self.node, "transB", 0))

    def bias_value(self) -> ir.Value | None:
        """The constant that is added, wherever it stands."""
        if self.added is not None:
            return next(v for v in self.added.inputs if v is not self.node.outputs[0])
        return self.node.inputs[2] if self.op != "MatMul" and len(self.node.inputs) > 2 else None

    def bias(self) -> Array:
        """What is added in the end, in float64; zero where there is none."""
        value = self.bias_value()
        factor = self.node.attributes.get_float("beta", 1.0) if self.op == "Gemm" else 1.0
        return np.zeros(()) if value is None else known(value).astype(np.float64) * factor

    def outgoing(self) -> Side:
        """Where the channels of the output lie."""
        shape, group = self.weight.shape, self.group
        if self.op == "Conv":
            return Side(len(shape), 1 - len(shape), shape[0])
        if self.op == "ConvTranspose":
            return Side(len(shape), 1 - len(shape), shape[1] * group)
        return Side(self._rank(), -1, shape[0] if self.transposed else shape[1])

    def incoming(self) -> Side:
        """Where the channels of the input lie."""
        shape, group = self.weight.shape, self.group
        if self.op == "Conv":
            return Side(len(shape), 1 - len(shape), shape[1] * group)
        if self.op == "ConvTranspose":
            return Side(len(shape), 1 - len(shape), shape[0])
        return Side(self._rank(), -1, shape[1] if self.transposed else shape[0])

    def _rank(self) -> int | None:
        source = self.node.inputs[0]
        shape = graph.dims(source) if source is not None and self.op == "MatMul" else ("M", "K")
        return None if shape is None else len(shape)

    def padded(self) -> bool:
        """Whether some outputs see fewer inputs than others, so that a shift is not uniform."""
        if self.op == "ConvTranspose":
            return True
        auto = self.node.attributes.get_string("auto_pad", "NOTSET")
        if self.op != "Conv" or auto == "VALID":
            return False
        return auto != "NOTSET" or any(self.node.attributes.get_ints("pads", ()))


def known(value: ir.Value | None) -> Array:
    """A constant; the caller has made sure that it is one."""
    data = graph.array(value)
    return np.zeros(()) if data is None else data


def is_layer(node: ir.Node | None) -> bool:
    """Whether the node is a layer of float weights that are constant, and of a plain form."""
    if node is None or node.op_type not in OPS or node.domain not in {"", "ai.onnx"}:
        return False
    weight = graph.array(node.inputs[1])
    if weight is None or weight.dtype.kind != "f" or not weight.size or node.inputs[0] is None:
        return False
    if node.op_type == "MatMul":
        return weight.ndim == 2
    return not graph.integer(node, "transA", 0)


def of(node: ir.Node) -> Layer:
    """The layer whose weights the node holds, with the Add behind it where that is its bias."""
    reader = graph.sole_user(node.outputs[0]) if node.op_type == "MatMul" else None
    return Layer(node, reader if reader and _adds_columns(reader, node) else None)


def behind(value: ir.Value) -> Layer | None:
    """The layer that makes the value, its bias included."""
    node = value.producer()
    if node is None or is_layer(node):
        return None if node is None else Layer(node)
    if node.op_type != "Add" or node.domain:
        return None
    for source in node.inputs:
        inner = source.producer() if source is not None else None
        if inner is not None and inner.op_type == "MatMul" and is_layer(inner):
            return Layer(inner, node) if _adds_columns(node, inner) else None
    return None


def _adds_columns(node: ir.Node, product: ir.Node) -> bool:
    """Whether the node adds one constant per column to the product, and nobody else reads that."""
    made = product.outputs[0]
    if node.op_type != "Add" or node.domain or node.graph is not product.graph:
        return False
    if graph.sole_user(made) is not node:
        return False
    other = node.inputs[0] if node.inputs[1] is made else node.inputs[1]
    constant = graph.array(other)
    return constant is not None and vector(constant, Layer(product).outgoing()) is not None


def vector(data: Array, side: Side) -> Array | None:
    """A constant that broadcasts against a value, as one number per channel; None if it is more."""
    wide = data.astype(np.float64)
    if wide.ndim > (1 if side.rank is None else side.rank):
        return None
    if wide.size == 1:
        return np.broadcast_to(wide.reshape(1), (side.channels,))
    if wide.ndim < -side.axis or wide.shape[side.axis] != wide.size:
        return None
    return wide.reshape(-1) if wide.size == side.channels else None


def obstacle(layer: Layer, scales: bool = True) -> str:
    """Why the numbers of the layer cannot be changed, in words; empty when they can."""
    bias, weight = layer.bias_value(), layer.node.inputs[1]
    if bias is not None and graph.array(bias) is None:
        return f"{bias.name} is not a constant"
    if weight is not None and scales and graph.sole_user(weight) is not layer.node:
        return f"the weights {weight.name} have other readers"
    return ""


def out_view(layer: Layer, scale: Array) -> tuple[Sequence[int], Array]:
    """The shape to see the weights in, and a factor per output channel to broadcast against it."""
    shape = layer.weight.shape
    ones = [1 for _ in shape[2:]]
    if layer.op == "Conv":
        return shape, scale.reshape(-1, 1, *ones)
    if layer.op == "ConvTranspose":
        split = (layer.group, shape[0] // layer.group, *shape[1:])
        return split, scale.reshape(layer.group, 1, -1, *ones)
    return shape, scale.reshape((-1, 1) if layer.transposed else (1, -1))


def in_view(layer: Layer, scale: Array) -> tuple[Sequence[int], Array]:
    """The shape to see the weights in, and a factor per input channel to broadcast against it."""
    shape = layer.weight.shape
    ones = [1 for _ in shape[2:]]
    if layer.op == "Conv":
        split = (layer.group, shape[0] // layer.group, *shape[1:])
        return split, scale.reshape(layer.group, 1, -1, *ones)
    if layer.op == "ConvTranspose":
        return shape, scale.reshape(-1, 1, *ones)
    return shape, scale.reshape((1, -1) if layer.transposed else (-1, 1))


def response(layer: Layer, shift: Array) -> Array:
    """What the layer, without its bias, makes of an input that is `shift` everywhere."""
    if layer.op == "Conv":
        seen, wide = in_view(layer, shift)
        axes = tuple(range(2, len(seen)))
        total: Array = (layer.weight.reshape(seen) * wide).sum(axis=axes, dtype=np.float64)
        return total.reshape(-1)
    total = layer.weight @ shift if layer.transposed else shift @ layer.weight
    return total * layer.node.attributes.get_float("alpha", 1.0)


def fits(data: Array, dtype: np.dtype[Any]) -> bool:
    """Whether numbers in float64 stay finite, and not all but nothing, in that type."""
    limit = np.finfo(dtype)
    largest = float(np.abs(data).max(initial=0))
    if not np.isfinite(data).all() or largest > float(limit.max):
        return False
    return largest == 0 or largest >= 16 * float(limit.tiny)
