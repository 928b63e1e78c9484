"""What a rule asks about the nodes around the one it was shown."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.types import Array


def made(value: ir.Value | None, *ops: str) -> ir.Node | None:
    """What makes the value, if it is one of those ops of the standard set."""
    node = value.producer() if value is not None else None
    if node is None or node.op_type not in ops or node.domain not in {"", "ai.onnx"}:
        return None
    return node


def scalar(value: ir.Value | None) -> float | None:
    """The one element of a constant that has no more."""
    tensor = value.const_value if value is not None else None
    data = graph.array(value) if tensor is not None and tensor.size == 1 else None
    return None if data is None or data.dtype.kind not in "fiu" else float(data.reshape(())[()])


def seen(inner: Collection[ir.Node], last: ir.Node) -> str:
    """Who but `last` reads what the inner nodes make, in words; empty when nobody."""
    for node in inner:
        value = node.outputs[0]
        if value.is_graph_output():
            return f"{value.name} is an output"
        if not {*value.consumers()} <= {*inner, last}:
            return f"{value.name} has other readers"
        if node.graph is not last.graph:
            return f"{value.name} is computed outside of this branch"
    return ""


def read_by(node: ir.Node, between: ir.Value) -> str:
    """Who else reads what is between, in words; empty when nobody."""
    if between.is_graph_output():
        return f"{between.name} is an output"
    if graph.sole_user(between) is not node:
        return f"{between.name} has other readers"
    maker = between.producer()
    inside = maker is not None and maker.graph is node.graph
    return "" if inside else f"{between.name} is computed outside of this branch"


def stand_in(new: ir.Node, last: ir.Node) -> None:
    """Put a new node of one output in the place, under the name, and with the type of the last."""
    old, home, output = last.outputs[0], graph.owner(last), new.outputs[0]
    home.insert_before(last, new)
    output.type, output.shape = old.type, old.shape.copy() if old.shape else old.shape
    output.name = graph.fresh(home, graph.name_of(old))
    if not old.is_graph_output():
        old.name, output.name = output.name, old.name
    graph.replace(old, output)


def widened(nodes: Iterable[ir.Node], source: ir.Value) -> str:
    """Which constant might add dimensions to the source, in words; empty when none."""
    rank = len(source.shape) if source.shape is not None else 0
    for value in (v for n in nodes for v in n.inputs if v is not None and graph.is_constant(v)):
        if value.shape is not None and len(value.shape) > rank:
            return f"{value.name} may have more dimensions than {source.name}"
    return ""


_KEEPS_ENTRIES = frozenset(
    {"Cast", "Expand", "Gather", "Identity", "Reshape", "Slice", "Squeeze", "Tile", "Transpose"}
    | {"Unsqueeze"}
)


def filled(value: ir.Value | None, number: int) -> bool:
    """Whether every entry is that number, 0 or 1, whatever the size turns out to be."""
    data = graph.array(value) if graph.is_constant(value) else None
    if value is None or data is not None:
        return data is not None and _filled_with(data, number)
    node = value.producer()
    if node is None or node.domain not in {"", "ai.onnx"}:
        return False
    if node.op_type == "ConstantOfShape":
        entry = node.attributes.get("value")
        return _filled_with(np.zeros(1) if entry is None else entry.as_tensor().numpy(), number)
    if node.op_type == "Mul" and number == 1:
        return all(filled(v, 1) for v in node.inputs)
    return node.op_type in _KEEPS_ENTRIES and filled(node.inputs[0], number)


def _filled_with(data: Array, number: int) -> bool:
    """Whether each entry is that number; the first one spares a look at most weights."""
    first = data.size > 0 and bool(data.reshape(-1)[0] == number)
    return first and bool(np.all(data == number))
