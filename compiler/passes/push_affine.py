"""A factor or shift by constants is moved over a Transpose, to the layer that can take it in.

    Transpose(layer(x)) * s   ->   Transpose(layer(x) * s')
    layer(Transpose(x * s))   ->   layer(Transpose(x) * s')     x: an input, or a Cast of one

s' is s with its axes in the other order. The ops are Mul, Div, Add and Sub, several of them one by
one; the layers Conv, ConvTranspose, Gemm and MatMul. The first form is the layer scale behind a
perceptron whose channels come last. The second is the normalization of such images: it can then go
into the first convolution and, where that one pads and so cannot take a shift in, it is computed
along rows of pixels in place of rows of three channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import affine, linear, orders
from mcompile.algebra.linear import Layer
from mcompile.algebra.orders import Order
from mcompile.rules import Phase, Rule, Skip
from mcompile.types import Array


@dataclass(frozen=True)
class Moved:
    """The op, the Transpose that it goes over, what both read, and the constant to use there."""

    node: ir.Node
    transpose: ir.Node
    source: ir.Value
    constant: Array
    forward: bool
    """Whether the op goes behind the Transpose."""


class PushAffine(Rule[Moved]):
    root = ("Mul", "Div", "Add", "Sub", "Transpose")
    phase = Phase.FOLD

    def match(self, node: ir.Node) -> Moved | Skip | None:
        if self.opset < 7:
            return None
        return _forward(node) if node.op_type == "Transpose" else _backward(node)

    def rewrite(self, found: Moved) -> None:
        last = found.transpose if found.forward else found.node
        home, old = graph.owner(last), last.outputs[0]
        constant = graph.constant(home, f"{_given(found.node).name}_transposed", found.constant)
        if found.forward:
            turned = _transposed(found.source, found, last)
            new = _computed(turned, constant, found, last)
        else:
            new = _transposed(_computed(found.source, constant, found, last), found, last)
        new.type, new.shape = old.type, old.shape.copy() if old.shape is not None else None
        if not old.is_graph_output() and old.name is not None:
            old.name, new.name = new.name, old.name
        graph.replace(old, new)


def _backward(node: ir.Node) -> Moved | None:
    """How the op goes in front of the Transpose that it reads, where a layer stands there."""
    made = affine.operand(node)
    transpose = made.producer() if made is not None else None
    order = orders.order_of(transpose)
    if made is None or transpose is None or order is None or _opens(node):
        return None
    source = transpose.inputs[0]
    layer = linear.behind(source) if source is not None else None
    if source is None or layer is None or transpose.graph is not node.graph:
        return None
    alone = graph.sole_user(made) is node and graph.sole_user(source) is transpose
    found = _lain(node, orders.reversing(order)) if alone else None
    side = layer.outgoing()
    if found is None or layer.node.graph is not node.graph or linear.vector(found, side) is None:
        return None
    if linear.obstacle(layer) or (layer.op == "MatMul" and side.rank is None):
        return None
    return Moved(node, transpose, source, found, forward=False)


def _forward(transpose: ir.Node) -> Moved | None:
    """How the op goes behind the Transpose that reads it, where a layer follows."""
    made, order = transpose.inputs[0], orders.order_of(transpose)
    node = made.producer() if made is not None else None
    source = affine.operand(node)
    if made is None or node is None or order is None or source is None or node.op_type not in _OPS:
        return None
    layer = _followed_by(transpose)
    if layer is None or not _is_given(source) or graph.sole_user(made) is not transpose:
        return None
    same = source.shape is not None and len(source.shape) == len(order)
    found = _lain(node, order) if same and node.graph is transpose.graph else None
    if found is None or linear.vector(found, layer.incoming()) is None:
        return None
    return Moved(node, transpose, source, found, forward=True)


_OPS = frozenset({"Mul", "Div", "Add", "Sub"})


def _given(node: ir.Node) -> ir.Value:
    """The constant that the node scales or shifts by."""
    source = affine.operand(node)
    return next(v for v in node.inputs if v is not None and v is not source)


def _lain(node: ir.Node, order: Order) -> Array | None:
    """The constant for data in that order; None where it has more axes than the data."""
    data = graph.array(_given(node))
    if data is None or data.ndim > len(order):
        return None
    if data.size == 1:
        return data
    lain: Array = data.reshape((1,) * (len(order) - data.ndim) + data.shape)
    turned: Array = lain.transpose(order)
    return turned


def _opens(node: ir.Node) -> bool:
    """Whether the op, a factor or shift in front of a Clip, starts a hard sigmoid."""
    reader: ir.Node | None = node
    while reader is not None and affine.operand(reader) is not None:
        reader = graph.sole_user(reader.outputs[0])
    return reader is not None and reader.op_type == "Clip"


def _is_given(value: ir.Value) -> bool:
    """Whether the value is an input, or one that was cast, scaled and shifted and no more."""
    maker: ir.Node | None = value.producer()
    while maker is not None and maker.inputs:
        source = maker.inputs[0] if maker.op_type == "Cast" else affine.operand(maker)
        if source is None:
            return False
        value, maker = source, source.producer()
    return value.is_graph_input()


def _followed_by(node: ir.Node) -> Layer | None:
    """The layer that alone reads the node, or what is scaled and shifted of it."""
    made, reader = node.outputs[0], graph.sole_user(node.outputs[0])
    while reader is not None and affine.operand(reader) is made:
        made = reader.outputs[0]
        reader = graph.sole_user(made)
    if reader is None or reader.inputs[0] is not made or not linear.is_layer(reader):
        return None
    return linear.of(reader)


def _transposed(source: ir.Value, found: Moved, place: ir.Node) -> ir.Value:
    """The value through the same Transpose, in front of that place."""
    order = orders.order_of(found.transpose) or ()
    attributes = [ir.AttrInt64s("perm", order)]
    new = ir.Node("", "Transpose", [source], attributes, name=found.transpose.name)
    return _placed(new, source, place)


def _computed(source: ir.Value, constant: ir.Value, found: Moved, place: ir.Node) -> ir.Value:
    """The value through the same op with that constant, in front of that place."""
    first = _given(found.node) is found.node.inputs[0]
    inputs = [constant, source] if first else [source, constant]
    new = ir.Node("", found.node.op_type, inputs, name=found.node.name)
    return _placed(new, source, place)


def _placed(new: ir.Node, source: ir.Value, place: ir.Node) -> ir.Value:
    home = graph.owner(place)
    home.insert_before(place, new)
    output = new.outputs[0]
    output.name = graph.fresh(home, graph.name_of(place.outputs[0]))
    output.type = source.type
    if source.shape is not None:
        order = orders.order_of(new)
        output.shape = ir.Shape([source.shape[k] for k in order]) if order else source.shape.copy()
    return output
