"""Takes away what nobody reads, after a rewrite has redirected the readers."""

from __future__ import annotations

from collections.abc import Iterable

import onnx_ir as ir

from mcompile.graph import is_dead


def sources(node: ir.Node) -> list[ir.Node]:
    """The nodes that make the node's inputs, each once."""
    made = (v.producer() for v in node.inputs if v is not None)
    return list(dict.fromkeys(n for n in made if n is not None))


def sweep(nodes: Iterable[ir.Node]) -> None:
    """Remove those of the nodes that nobody reads, and with them what only they read."""
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if node.graph is None or not is_dead(node):
            continue
        stack.extend(_read_within(node))
        _remove(node)


def drop_unread(main: ir.Graph) -> None:
    """Drop the constants that nobody reads: they take room and compute nothing."""
    for each in (main, *main.subgraphs()):
        for name, value in list(each.initializers.items()):
            if not (value.uses() or value.is_graph_output() or value.is_graph_input()):
                del each.initializers[name]


def _read_within(node: ir.Node) -> list[ir.Node]:
    """The sources of the node and of all that its branches hold."""
    inner = (n for g in _branches(node) for n in g.all_nodes())
    return [s for n in (node, *inner) for s in sources(n)]


def _remove(node: ir.Node) -> None:
    """Take the node out, and its branches with it: they too read values from outside."""
    for branch in _branches(node):
        for inner in reversed(list(branch)):
            _remove(inner)
    for index in range(len(node.inputs)):
        node.replace_input_with(index, None)
    if node.graph is not None:
        node.graph.remove(node)


def _branches(node: ir.Node) -> list[ir.Graph]:
    found: list[ir.Graph] = []
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            found.append(attribute.as_graph())
        elif attribute.type == ir.AttributeType.GRAPHS:
            found.extend(attribute.as_graphs())
    return found
