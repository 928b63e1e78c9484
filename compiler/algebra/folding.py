"""Which layer takes in an op that scales and shifts channels, and what becomes of both.

    after:   s * layer(x) + t          before:   layer(s * x + t)

The layer before the op is preferred to the one behind it, and what stands behind a layer goes into
it before what stands in front: so the outcome does not depend on which rule is asked first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import affine, linear
from mcompile.algebra.linear import Layer
from mcompile.types import Array

_WHOLES = frozenset({"Mul", "Div", "Reshape", "InstanceNormalization"})
"""Ops behind which a constant factor may be the last step of a norm or an activation."""


@dataclass(frozen=True)
class Fold:
    """The op, the layer that takes it in, and its factor and shift per channel."""

    node: ir.Node
    layer: Layer
    scale: Array
    shift: Array
    ahead: bool
    """Whether the op stands in front of the layer."""


def after(node: ir.Node) -> Fold | str | None:
    """How the op goes into the layer that it reads; why it cannot, in words; or None."""
    source = affine.operand(node)
    layer = linear.behind(source) if source is not None else None
    if source is None or layer is None or _is_bias(node, layer) or _opens(node):
        return None
    found = affine.factors(node, layer.outgoing())
    if found is None:
        return None
    scale, shift = found
    if source.is_graph_output():
        return f"{source.name} is an output"
    if graph.sole_user(source) is not node:
        return f"{source.name} has other readers"
    if layer.node.graph is not node.graph:
        return f"{source.name} is computed outside of this branch"
    return _checked(Fold(node, layer, scale, shift, ahead=False))


def before(node: ir.Node) -> Fold | str | None:
    """How the op goes into the layer that reads it; why it cannot, in words; or None."""
    source = affine.operand(node)
    layer = _reader(node) if source is not None else None
    found = affine.factors(node, layer.incoming()) if layer is not None else None
    if source is None or layer is None or found is None or awaited(source) or _grows(layer):
        return None
    if not _keeps(source, layer.incoming()):
        return "it may widen what it reads: the layer would be given something smaller"
    scale, shift = found
    if _origin(source) in _WHOLES and node.op_type != "BatchNormalization":
        return "it may be the end of a norm or an activation"
    if shift.any() and layer.padded():
        return "the layer pads with zeros, which are not shifted"
    if shift.any() and layer.op == "MatMul" and layer.added is None:
        return "the MatMul has no bias that would take the shift in"
    return _checked(Fold(node, layer, scale, shift, ahead=True))


def _keeps(source: ir.Value, side: linear.Side) -> bool:
    """Whether the value has the layer's rank and channels before the op broadcasts it."""
    shape = graph.dims(source)
    if shape is None or len(shape) != (side.rank or len(shape)) or len(shape) < -side.axis:
        return False
    return shape[side.axis] == side.channels


def _reader(node: ir.Node) -> Layer | None:
    """The layer that reads the node as its data, when nobody else reads it."""
    made = node.outputs[0]
    reader = graph.sole_user(made)
    if reader is None or reader.inputs[0] is not made or reader.graph is not node.graph:
        return None
    return linear.of(reader) if linear.is_layer(reader) else None


def pending(node: ir.Node) -> bool:
    """Whether some op is still to be folded into the layer, from either side."""
    source = node.inputs[0].producer() if node.inputs[0] is not None else None
    return _grows(linear.of(node)) or (source is not None and isinstance(before(source), Fold))


def awaited(value: ir.Value) -> bool:
    """Whether the ops that make the value are going to be folded into a layer before them."""
    seen: ir.Value | None = value
    while seen is not None and (maker := seen.producer()) is not None:
        layer = linear.behind(seen)
        if layer is not None:
            return graph.sole_user(seen) is not None and not linear.obstacle(layer)
        if graph.sole_user(seen) is None:
            return False
        seen = affine.operand(maker)
    return False


def _grows(layer: Layer) -> bool:
    reader = graph.sole_user(layer.output)
    return reader is not None and isinstance(after(reader), Fold)


def _is_bias(node: ir.Node, layer: Layer) -> bool:
    return layer.op == "MatMul" and layer.added is None and node.op_type == "Add"


def _opens(node: ir.Node) -> bool:
    """Whether the op, a factor or shift in front of a Clip, starts a hard sigmoid."""
    reader: ir.Node | None = node
    while reader is not None and reader.op_type in {"Mul", "Div", "Add"} and affine.operand(reader):
        reader = graph.sole_user(reader.outputs[0])
    return reader is not None and reader.op_type == "Clip"


def _origin(value: ir.Value) -> str:
    """The op at the start of the chain of factors and shifts that makes the value."""
    node = value.producer()
    while node is not None and (source := affine.operand(node)) is not None:
        node = source.producer()
    return node.op_type if node is not None else ""


def _checked(fold: Fold) -> Fold | str:
    if reason := linear.obstacle(fold.layer, scales=bool((fold.scale != 1).any())):
        return reason
    weight = fold.layer.weight
    largest = float(np.abs([weight.max(), weight.min()]).max())
    extremes = largest * np.abs(fold.scale)
    whole = all(linear.fits(np.array(e), weight.dtype) for e in (extremes.max(), _least(extremes)))
    if whole and bool(np.isfinite(_bias(fold).astype(weight.dtype)).all()):
        return fold
    return "the scaled weights do not fit their type"


def _least(extremes: Array) -> float:
    return float(extremes[extremes > 0].min(initial=np.inf)) if extremes.any() else 0.0


def _bias(fold: Fold) -> Array:
    with np.errstate(all="ignore"):
        if fold.ahead:
            shift = linear.response(fold.layer, fold.shift) if fold.shift.any() else 0.0
            return np.asarray(fold.layer.bias() + shift)
        return np.asarray(fold.layer.bias() * fold.scale + fold.shift)


def apply(fold: Fold) -> None:
    """Give the layer its new numbers, and its readers what they read of the op before."""
    layer, node = fold.layer, fold.node
    home, stem = graph.owner(layer.node), graph.name_of(layer.node.inputs[1])
    stem = stem.removesuffix("_folded")
    bias = _bias(fold).astype(layer.weight.dtype)
    biased = bool(fold.shift.any()) or (layer.bias_value() is not None and not fold.ahead)
    if (fold.scale != 1).any():
        layer.node.replace_input_with(1, graph.constant(home, f"{stem}_folded", _weight(fold)))
    end = _give_bias(fold, graph.constant(home, f"{stem}_bias", bias)) if biased else layer.output
    source = affine.operand(node)
    graph.replace(node.outputs[0], source if fold.ahead and source is not None else end)


def _give_bias(fold: Fold, bias: ir.Value) -> ir.Value:
    """Put the bias in its place; what is then the output of the layer."""
    layer = fold.layer
    if layer.added is not None:
        index = 1 if layer.added.inputs[0] is layer.node.outputs[0] else 0
        layer.added.replace_input_with(index, bias)
        return layer.output
    if layer.op == "MatMul":
        new = ir.Node("", "Add", [layer.output, bias])
        graph.owner(fold.node).insert_before(fold.node, new)
        new.outputs[0].name = graph.fresh(
            graph.owner(fold.node), graph.name_of(fold.node.outputs[0])
        )
        new.outputs[0].shape = layer.output.shape
        return new.outputs[0]
    layer.node.resize_inputs(3)
    layer.node.replace_input_with(2, bias)
    if layer.op == "Gemm":
        layer.node.attributes["beta"] = ir.AttrFloat32("beta", 1.0)
    return layer.output


def _weight(fold: Fold) -> Array:
    """The scaled weights, computed in float64 piece by piece, with no second copy in memory."""
    old = fold.layer.weight
    view = linear.in_view if fold.ahead else linear.out_view
    seen, scale = view(fold.layer, fold.scale)
    new = graph.room(old.shape, old.dtype)
    np.multiply(
        old.reshape(seen), scale, out=new.reshape(seen), dtype=np.float64, casting="same_kind"
    )
    return new
