"""Small changes to one node: attributes that become inputs, and inputs that become attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.types import Array

Inputs = Sequence[ir.Value | None]


def source(node: ir.Node, index: int) -> ir.Value | None:
    """The node's input at that place, or None where it is left out."""
    return node.inputs[index] if index < len(node.inputs) else None


def give(node: ir.Node, index: int, value: ir.Value | None) -> None:
    """Make the value the node's input at that place; None leaves the place out."""
    if index >= len(node.inputs):
        node.resize_inputs(index + 1)
    node.replace_input_with(index, value)


def give_constant(node: ir.Node, index: int, name: str, data: Array) -> None:
    """Make a new constant the node's input at that place."""
    give(node, index, constant(node, name, data))


def constant(node: ir.Node, name: str, data: Array) -> ir.Value:
    """A new constant beside the node, named after what it makes."""
    stem = next((v.name for v in node.outputs if v.name), node.op_type)
    return graph.constant(graph.owner(node), f"{stem}_{name}", np.asarray(data))


def drop_input(node: ir.Node, index: int) -> None:
    """Leave the input at that place out, and the places that are then empty at the end."""
    if index < len(node.inputs):
        node.replace_input_with(index, None)
    count = len(node.inputs)
    while count and node.inputs[count - 1] is None:
        count -= 1
    node.resize_inputs(count)


def before(node: ir.Node, op: str, inputs: Inputs, **attributes: Any) -> ir.Value:
    """The output of a new node that stands in front of `node`."""
    made = _new(node, op, inputs, attributes)
    graph.owner(node).insert_before(node, made)
    return made.outputs[0]


def after(node: ir.Node, op: str, inputs: Inputs, **attributes: Any) -> None:
    """Let a new node behind `node`, which reads its output and `inputs`, serve its readers."""
    old, home = node.outputs[0], graph.owner(node)
    made = _new(node, op, [None, *inputs], attributes)
    home.insert_after(node, made)
    last = made.outputs[0]
    last.type = old.type
    graph.replace(old, last)
    made.replace_input_with(0, old)


def _new(node: ir.Node, op: str, inputs: Inputs, attributes: Any) -> ir.Node:
    made = ir.node(op, list(inputs), attributes or None)
    stem = next((v.name for v in node.outputs if v.name), op)
    made.outputs[0].name = graph.fresh(graph.owner(node), f"{stem}_{op.lower()}")
    return made


def ints(node: ir.Node, name: str) -> list[int] | None:
    """The list of integers under that name, or None."""
    found = node.attributes.get_ints(name)
    return None if found is None else [int(i) for i in found]


def text(node: ir.Node, name: str, otherwise: str) -> str:
    """The string under that name, or `otherwise`."""
    return str(node.attributes.get_string(name, otherwise))


def rank(value: ir.Value | None) -> int | None:
    """How many dimensions the value has, where the graph says."""
    shape = graph.dims(value) if value is not None else None
    return None if shape is None else len(shape)


def size(value: ir.Value | None, axis: int) -> int | None:
    """The size of that dimension, where the graph says and it is fixed."""
    shape = graph.dims(value) if value is not None else None
    if shape is None or not -len(shape) <= axis < len(shape):
        return None
    found = shape[axis]
    return found if isinstance(found, int) else None


def known(value: ir.Value | None) -> list[int] | None:
    """The integers behind a constant, or None where they are only known when the model runs."""
    data = graph.array(value)
    return None if data is None else [int(i) for i in np.atleast_1d(data).ravel()]
