"""BatchNormalization(Conv(x)) becomes Conv(x) with scaled weights.

    W' = W * s        b' = (b - mean) * s + beta        s = gamma / sqrt(var + eps)

The same holds for ConvTranspose, whose output channels lie on the second axis of W within each
group, and for Gemm, where a factor on C goes into b'. Sums are done in float64 and rounded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.rules import Phase, Rule, Skip
from mcompile.types import Array


@dataclass(frozen=True)
class Folded:
    """The layer and the norm behind it, and per output channel y = scale * layer(x) + shift."""

    layer: ir.Node
    norm: ir.Node
    scale: Array
    shift: Array


class FoldBatchNorm(Rule[Folded]):
    root = "BatchNormalization"
    phase = Phase.FOLD

    def match(self, node: ir.Node) -> Folded | Skip | None:
        source = node.inputs[0]
        layer = source.producer() if source is not None else None
        if source is None or layer is None or layer.op_type not in _LAYERS:
            return None
        if layer.domain not in {"", "ai.onnx"}:
            return Skip(f"what a {layer.op_type} of {layer.domain} computes is not known")
        reason = self._training(node) or _shared(node, layer, source) or _unknown(node, layer)
        if reason:
            return Skip(reason)
        scale, shift = _affine(node)
        if scale.size != _channels(layer):
            return Skip(f"it norms {scale.size} channels of {_channels(layer)}")
        found = Folded(layer, node, scale, shift)
        return found if _fits(found) else Skip("the scaled weights do not fit their type")

    def rewrite(self, found: Folded) -> None:
        home, layer = graph.owner(found.layer), found.layer
        stem = graph.name_of(layer.inputs[1])
        weight = graph.constant(home, f"{stem}_folded", _weight(found))
        bias = graph.constant(home, f"{stem}_bias", _bias(found))
        layer.resize_inputs(3)
        layer.replace_input_with(1, weight)
        layer.replace_input_with(2, bias)
        if layer.op_type == "Gemm":
            layer.attributes["beta"] = ir.AttrFloat32("beta", 1.0)
        graph.replace(found.norm.outputs[0], layer.outputs[0])

    def _training(self, node: ir.Node) -> str:
        """Why the norm is not a fixed affine map, in words; empty when it is."""
        untested = self.opset < 7 and not graph.integer(node, "is_test", 0)
        if graph.integer(node, "training_mode", 0) or untested:
            return "the norm is in training mode"
        if any(v.uses() or v.is_graph_output() for v in node.outputs[1:]):
            return "its running statistics are read"
        return "" if graph.integer(node, "spatial", 1) else "it norms each position on its own"


_LAYERS = {"Conv", "ConvTranspose", "Gemm"}


def _shared(norm: ir.Node, layer: ir.Node, between: ir.Value) -> str:
    """Who else would see the change, in words; empty when nobody."""
    if between.is_graph_output():
        return f"{between.name} is an output"
    if graph.sole_user(between) is not norm:
        return f"{between.name} has other readers"
    if layer.graph is not norm.graph:
        return f"{between.name} is computed outside of this branch"
    weight = layer.inputs[1]
    if weight is not None and graph.is_constant(weight) and graph.sole_user(weight) is not layer:
        return f"the weights {weight.name} have other readers"
    return ""


def _unknown(norm: ir.Node, layer: ir.Node) -> str:
    """Which parameter is only known at run time, in words; empty when none."""
    for value in (*layer.inputs[1:3], *norm.inputs[1:5]):
        if value is not None and graph.array(value) is None:
            return f"{value.name} is not a constant"
    return ""


def _known(value: ir.Value | None) -> Array:
    """A constant; `match` has made sure that it is one."""
    data = graph.array(value)
    return np.zeros(()) if data is None else data


def _affine(norm: ir.Node) -> tuple[Array, Array]:
    gamma, beta, mean, variance = (_known(v).astype(np.float64) for v in norm.inputs[1:5])
    epsilon = np.float32(norm.attributes.get_float("epsilon", 1e-5))
    with np.errstate(all="ignore"):
        scale = gamma / np.sqrt(variance + epsilon)
        return scale, beta - mean * scale


def _channels(layer: ir.Node) -> int:
    """How many output channels the layer has."""
    shape: tuple[int, ...] = _known(layer.inputs[1]).shape
    if layer.op_type == "Conv":
        return shape[0]
    if layer.op_type == "ConvTranspose":
        return shape[1] * graph.integer(layer, "group", 1)
    return shape[0] if graph.integer(layer, "transB", 0) else shape[1]


def _spread(layer: ir.Node, scale: Array) -> tuple[Sequence[int], Array]:
    """The shape to see the weights in, and the scale in a shape that broadcasts against it."""
    shape = _known(layer.inputs[1]).shape
    if layer.op_type == "Conv":
        return shape, scale.reshape(-1, *(1 for _ in shape[1:]))
    if layer.op_type == "Gemm":
        return shape, scale.reshape((-1, 1) if graph.integer(layer, "transB", 0) else (1, -1))
    group = graph.integer(layer, "group", 1)
    ones = [1 for _ in shape[2:]]
    seen = (group, shape[0] // group, *shape[1:])
    return seen, scale.reshape(group, 1, -1, *ones)


def _weight(found: Folded) -> Array:
    """W', computed in float64 piece by piece, with no second copy of W in memory."""
    old = _known(found.layer.inputs[1])
    seen, scale = _spread(found.layer, found.scale)
    new = graph.room(old.shape, old.dtype)
    with np.errstate(all="ignore"):
        np.multiply(
            old.reshape(seen), scale, out=new.reshape(seen), dtype=np.float64, casting="same_kind"
        )
    return new


def _bias(found: Folded) -> Array:
    layer = found.layer
    given = layer.inputs[2] if len(layer.inputs) > 2 else None
    old = _known(given).astype(np.float64)
    if layer.op_type == "Gemm":
        old = old * layer.attributes.get_float("beta", 1.0)
    with np.errstate(all="ignore"):
        new: Array = (old * found.scale + found.shift).astype(_known(layer.inputs[1]).dtype)
    return new


def _fits(found: Folded) -> bool:
    """Whether no scaled number overflows: from the extremes, without scaling the weights twice."""
    old = _known(found.layer.inputs[1])
    if old.dtype.kind != "f" or not (np.isfinite(found.scale).all() and old.size):
        return False
    largest = max(abs(float(old.max())), abs(float(old.min()))) * float(abs(found.scale).max())
    return largest < float(np.finfo(old.dtype).max) and bool(np.isfinite(_bias(found)).all())
