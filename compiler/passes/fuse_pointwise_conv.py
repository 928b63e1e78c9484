"""A product with a constant matrix over the channels becomes a convolution of size 1 by 1.

    Transpose<q>(f(Transpose<p>(x) W + b))   ->   f'(Conv(x, W', b))    W'[n,k,0,0] = W[k,n]
                                                  p = 0,2,3,1    q = 0,3,1,2

f works in any order of axes, and may hold more such products: the perceptrons of ConvNeXt and the
like, between two Transposes. It is made only where it leaves no more Transposes than there were:
each time there are fewer of them or, of as many, fewer products, so it ends. Transposes that vanish
without it go first: so the outcome does not depend on which rule is asked first. A runtime that
keeps channels in blocks computes the convolution faster, activation and residual sum included.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import linear, permuted, relayout
from mcompile.algebra.linear import Layer
from mcompile.algebra.orders import Order
from mcompile.algebra.permuted import Form
from mcompile.algebra.regions import Search
from mcompile.algebra.relayout import Region
from mcompile.rules import Phase, Rule, Skip
from mcompile.types import Array, Program

CHANNELS_FIRST = (0, 3, 1, 2)
_TYPES = {ir.DataType.FLOAT, ir.DataType.FLOAT16}
"""What ONNX Runtime has convolutions for."""


class FusePointwiseConv(Rule[Region]):
    root = "Transpose"
    phase = Phase.LAYOUT
    pays_on: ClassVar[frozenset[str]] = frozenset({"onnxruntime", "openvino"})

    def start(self, program: Program) -> None:
        super().start(program)
        self._first = Search(partial(permuted.form, opset=self.opset))
        self._search = Search(self._form, favoured="MatMul")

    def match(self, node: ir.Node) -> Region | Skip | None:
        if next(self._first.near(node), None) is not None:
            return None
        return next((r for r in self._search.near(node) if any(map(_is_product, r.forms))), None)

    def rewrite(self, found: Region) -> None:
        layers = [linear.of(node) for node in found.forms if _is_product(node)]
        given = [(layer, layer.weight, _bias(layer)) for layer in layers]
        relayout.apply(found)
        for layer, weight, bias in given:
            if layer.node.graph is None:  # nobody read it
                continue
            _convolve(layer.node, weight)
            if layer.added is not None and layer.added in found.forms and bias is not None:
                _add(layer.node, layer.added, bias)

    def _form(self, node: ir.Node, order: Order) -> Form | None:
        if node.op_type != "MatMul":
            return permuted.form(node, order, self.opset)
        known = self.opset >= permuted.OPSET and order == CHANNELS_FIRST and linear.is_layer(node)
        source, weight = node.inputs[:2]
        shape = graph.dims(source) if known and source is not None else None
        if shape is None or weight is None or len(shape) != len(order):
            return None
        if weight.dtype not in _TYPES:
            return None
        return Form((0,)) if graph.sole_user(weight) is node else None


def _is_product(node: ir.Node) -> bool:
    return node.op_type == "MatMul"


def _bias(layer: Layer) -> Array | None:
    """One number per column."""
    vector = linear.vector(layer.bias(), layer.outgoing()) if layer.added is not None else None
    return None if vector is None else vector.astype(layer.weight.dtype)


def _convolve(node: ir.Node, weight: Array) -> None:
    """Make the product a convolution of the same name."""
    stem = graph.name_of(node.inputs[1])
    kernel = graph.constant(graph.owner(node), f"{stem}_kernel", weight.T[:, :, None, None])
    node.op_type = "Conv"
    node.replace_input_with(1, kernel)


def _add(node: ir.Node, added: ir.Node, bias: Array) -> None:
    """Give the convolution the bias that was added to it."""
    node.resize_inputs(3)
    stem = graph.name_of(added.outputs[0])
    node.replace_input_with(2, graph.constant(graph.owner(node), f"{stem}_bias", bias))
    graph.replace(added.outputs[0], node.outputs[0])
    graph.owner(added).remove(added, safe=True)
