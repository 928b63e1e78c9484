"""Cuts a few nodes out of a program, as a program of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import onnx_ir as ir

from mcompile import graph
from mcompile.sweep import drop_unread
from mcompile.types import Feeds, Program


def excerpt(source: Program, places: Collection[int]) -> Program:
    """A program of the nodes at those places of the main graph, weights and names as they are.

    What they read of other nodes became an input, and what others read of theirs, an output; each
    has the type and shape that the source knows, which may be none: see `stated`.
    """
    model = source.graph.clone()
    body = model.graph
    nodes = list(body)
    kept = [nodes[k] for k in sorted(places)]
    for node in (n for top in kept for n in within(top)):
        node.name = node.name or next((v.name for v in node.outputs if v.name), None)
    inner = {n for top in kept for n in within(top)}
    outputs = [v for n in kept for v in n.outputs if v.name and _is_read(v, inner)]
    _open(body, kept, inner)
    body.outputs.clear()
    body.outputs.extend(outputs)
    _leave_out([n for n in nodes if n not in inner])
    for value in [v for v in body.inputs if not v.uses() and not v.is_graph_output()]:
        body.inputs.remove(value)
    drop_unread(body)
    return graph.program(source.name, model)


def stated(source: Program, known: Feeds) -> Program:
    """The program with types and shapes of inputs and outputs, where missing, as in the arrays."""
    body = source.graph.graph
    for value in (*body.inputs, *body.outputs):
        data = known.get(graph.name_of(value))
        if data is not None:
            value.dtype = value.dtype or ir.DataType.from_numpy(data.dtype)
            value.shape = value.shape if value.shape is not None else ir.Shape(data.shape)
    return graph.program(source.name, source.graph)


def around(source: Program, places: Collection[int]) -> set[int]:
    """The places, and those of the nodes that make what they read or read what they make."""
    nodes = list(source.graph.graph)
    home = {n: k for k, top in enumerate(nodes) for n in within(top)}
    found = set(places)
    for node in (n for k in places for n in within(nodes[k])):
        beside = [n for v in node.outputs for n in v.consumers()]
        for value in (v for v in node.inputs if v is not None):
            made = value.producer()
            beside += [made] if made is not None else []
        found |= {home[n] for n in beside if n in home}
    return found


def within(node: ir.Node) -> Iterator[ir.Node]:
    """The node and all nodes of its branches."""
    yield node
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            yield from attribute.as_graph().all_nodes()
        elif attribute.type == ir.AttributeType.GRAPHS:
            for branch in attribute.as_graphs():
                yield from branch.all_nodes()


def _is_read(value: ir.Value, inner: set[ir.Node]) -> bool:
    """Whether anybody but the kept nodes reads the value, or nobody does."""
    readers = value.consumers()
    return value.is_graph_output() or not readers or any(n not in inner for n in readers)


def _open(body: ir.Graph, kept: list[ir.Node], inner: set[ir.Node]) -> None:
    """Give the kept nodes inputs in place of what nodes that are not kept make."""
    made: dict[ir.Value, ir.Value] = {}
    for node in (n for top in kept for n in within(top)):
        for place, value in enumerate(node.inputs):
            producer = value.producer() if value is not None else None
            if value is None or producer is None or producer in inner:
                continue
            if value not in made:
                made[value] = ir.Value(name=value.name, type=value.type, shape=value.shape)
            node.replace_input_with(place, made[value])
    body.inputs.extend(made.values())


def _leave_out(nodes: list[ir.Node]) -> None:
    for node in nodes:
        for inner in within(node):
            for place in range(len(inner.inputs)):
                inner.replace_input_with(place, None)
    for node in nodes:
        if isinstance(node.graph, ir.Graph):
            node.graph.remove(node)
