"""Names in an ONNX graph: each made once, and made before it is read, or able to be.

Specification: ONNX IR, "Names Within a Graph" and "Nodes": static single assignment, and a
topological order. Branches read the names around them, and may not make them anew.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

import onnx

from mcompile.errors import SourceError
from mcompile.wording import nearest

_AGAIN = "export the model again"
_FEW = 6
_MANY = 200


def at(node: onnx.NodeProto, label: str) -> str:
    """The place of a node, in words."""
    name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
    return f"{label}, node {node.name or ', '.join(node.output)} ({name})"


def nodes(given: Sequence[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """The nodes and those of their branches."""
    for node in given:
        yield node
        for branch in branches(node):
            yield from nodes(branch.node)


def branches(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs that the node holds."""
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        elif attribute.type == onnx.AttributeProto.GRAPHS:
            yield from attribute.graphs


def check(graph: onnx.GraphProto, label: str, around: frozenset[str] = frozenset()) -> None:
    """Raise `SourceError` for a name that is made twice or by nothing, and for a cycle.

    `around` holds the names that a branch may read of the graphs it stands in.
    """
    made = _made(graph, label, around)
    for node in graph.node:
        for name in dict.fromkeys(node.input):
            if name and name not in made and name not in around:
                raise SourceError(
                    f"it reads {name}, which nothing makes",
                    where=at(node, label),
                    fix=f"{_near(name, made | around)}{_AGAIN}",
                )
        for branch in branches(node):
            check(branch, label, around | made)
    ordered(graph, label)
    for output in graph.output:
        if output.name not in made:
            raise SourceError(
                f"nothing makes the output {output.name or 'without a name'}",
                where=f"{label}, graph {graph.name}",
                fix=_AGAIN,
            )


def ordered(graph: onnx.GraphProto, label: str = "") -> list[onnx.NodeProto]:
    """The nodes in an order they can run in, their own where it is one.

    Raises `SourceError` naming the nodes of a cycle.
    """
    given = list(graph.node)
    maker = {name: k for k, node in enumerate(given) for name in node.output if name}
    above = [{maker[n] for n in _read(node) if n in maker} for node in given]
    below: list[list[int]] = [[] for _ in given]
    for k, needed in enumerate(above):
        for j in needed:
            below[j].append(k)
    left = [len(needed) for needed in above]
    ready, order = [k for k, n in enumerate(left) if not n], []
    while ready:
        k = heapq.heappop(ready)
        order.append(k)
        for j in below[k]:
            left[j] -= 1
            if not left[j]:
                heapq.heappush(ready, j)
    if len(order) < len(given):
        cycle = _cycle(above, {*range(len(given))} - {*order})
        told = " reads ".join(given[k].name or given[k].output[0] for k in cycle[:_FEW])
        more = " reads ..." if len(cycle) > _FEW else ""
        raise SourceError(
            f"the graph has a cycle: {told}{more}",
            where=at(given[cycle[0]], label),
            fix=f"a loop is spelled with the op Loop or Scan; {_AGAIN}",
        )
    return [given[k] for k in order]


def _made(graph: onnx.GraphProto, label: str, around: frozenset[str]) -> frozenset[str]:
    """All names that are made in the graph itself."""
    first: dict[str, str] = {}
    for value in graph.input:
        if not value.name:
            raise SourceError(
                "an input has no name", where=f"{label}, graph {graph.name}", fix=_AGAIN
            )
        _make(value.name, "an input", first, f"{label}, graph {graph.name}", around)
    weights: dict[str, str] = {}  # apart, as a weight may be an input too
    for tensor in graph.initializer:
        _make(tensor.name, "an initializer", weights, f"{label}, tensor {tensor.name}", around)
    first |= weights
    for sparse in graph.sparse_initializer:
        first[sparse.values.name] = "an initializer"
    for node in graph.node:
        for name in filter(None, node.output):
            _make(name, at(node, "")[2:], first, at(node, label), around)
    return frozenset(first)


def _near(name: str, known: frozenset[str]) -> str:
    """Names that may have been meant, as the beginning of an advice."""
    close = nearest(name, sorted(filter(None, known))) if len(known) < _MANY else ""
    return f"did it mean {close}? Or " if 0 < len(close) < _MANY else ""


def _make(name: str, what: str, first: dict[str, str], where: str, around: frozenset[str]) -> None:
    before = first.get(name) or ("a graph around it" if name in around else "")
    if before:
        raise SourceError(f"{name} is made twice, first by {before}", where=where, fix=_AGAIN)
    first[name] = what


def _read(node: onnx.NodeProto) -> set[str]:
    """What the node reads, and what its branches read of the graphs around them."""
    found = {n for n in node.input if n}
    for branch in branches(node):
        inner = {n for each in branch.node for n in _read(each)}
        inner |= {output.name for output in branch.output}
        own = {n for each in branch.node for n in each.output}
        own |= {v.name for v in (*branch.input, *branch.initializer)}
        found |= inner - own
    return found


def _cycle(above: list[set[int]], left: set[int]) -> list[int]:
    """Nodes that read each other in a ring, found by walking upstream among those left over."""
    seen: dict[int, int] = {}
    path: list[int] = []
    k = min(left)
    while k not in seen:
        seen[k] = len(path)
        path.append(k)
        k = min(above[k] & left)
    ring = path[seen[k] :]
    return [*ring, ring[0]]
