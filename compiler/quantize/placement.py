"""Which nodes compute on integers, and which values have a scale for it.

A weighted node with a constant weight runs on integers. Its activation is quantized where it
reads; its output only when its kernel demands it (`closed`), after the activation that it absorbs.
A carried node (a residual Add, a pool) joins when everything it reads is an integer anyway and
someone who reads it is one: the largest such set, found by striking out until nothing changes.
A read-only node joins for what it reads; one that joins several values (Concat) only where its
output is read as integers too. Of a residual sum one branch may be read as integers.

With `integer_only` every node joins whose op has an integer kernel. What is left are islands: Q/DQ
stands where they begin and end, and nowhere within.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field

import onnx_ir as ir

from mcompile.graph import is_constant, name_of
from mcompile.quantize.edges import absorbed, handed_on, is_layer, read, shortcut
from mcompile.quantize.reasons import REQUESTED, of_carried, of_weighted
from mcompile.types import Scheme

_LEAVES = "its output leaves the graph"


@dataclass
class Placement:
    """The nodes on integers by their role, and a reason for each value that is left float."""

    weighted: list[ir.Node] = field(default_factory=list)
    carried: list[ir.Node] = field(default_factory=list)
    readers: list[ir.Node] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)

    def leave(self, node: ir.Node, reason: str) -> None:
        """Take a node out again that was carried, or read integers."""
        self.carried = [n for n in self.carried if n is not node]
        self.readers = [n for n in self.readers if n is not node]
        self.left[name_of(node.outputs[0])] = reason

    def values(self, scheme: Scheme, observed: Container[str]) -> list[ir.Value]:
        """The values that need a scale, constants that carried nodes read among them."""
        return list(dict.fromkeys(self._values(scheme, observed)))

    def _values(self, scheme: Scheme, observed: Container[str]) -> Iterator[ir.Value]:
        for node in self.weighted:
            if node.inputs[0] is not None:
                yield node.inputs[0]
            if node.op_type in scheme.closed:
                yield handed_on(node, scheme)
        for node in self.carried:
            yield from (v for v in read(node) if is_constant(v) or name_of(v) in observed)
            yield from _outputs(node, scheme, observed)
        for node in self.readers:
            branch = shortcut(node, scheme, self.weighted)
            yield from read(node) if branch is None else [branch]


def place(
    graph: ir.Graph, scheme: Scheme, observed: Container[str], kept: Container[ir.Node]
) -> Placement:
    """Who runs on integers. `observed` tensors have a range; `kept` nodes stay float."""
    if scheme.integer_only:
        return _everything(graph, scheme, observed, kept)
    placed = Placement()
    standard = [n for n in graph if not n.domain and n.op_type not in scheme.never]
    for node in (n for n in standard if n.op_type in scheme.weighted):
        reason = of_weighted(node, scheme, observed, kept)
        if reason:
            placed.left[name_of(node.outputs[0])] = reason
        else:
            placed.weighted.append(node)
    others = [n for n in standard if _may_join(n, scheme, placed.weighted)]
    placed.left |= {name_of(n.outputs[0]): REQUESTED for n in others if n in kept}
    others = [n for n in others if n not in kept]
    able = placed.carried = [n for n in others if n.op_type in scheme.carried]
    while _strike_out(placed, scheme, observed):
        pass
    placed.left |= {name_of(n.outputs[0]): _LEAVES for n in able if _leaves(n, placed)}
    _add_readers(placed, [n for n in others if n.op_type not in scheme.carried], observed)
    return placed


def _leaves(node: ir.Node, placed: Placement) -> bool:
    """Whether it is float because its output leaves the graph, though integer nodes read it too.

    What it reads and what it makes have scales all the same, each its own.
    """
    within = {*placed.weighted, *placed.carried}
    out = node.outputs[0]
    return (
        node not in within and out.is_graph_output() and any(n in within for n in out.consumers())
    )


def _may_join(node: ir.Node, scheme: Scheme, layers: list[ir.Node]) -> bool:
    if node.op_type in scheme.carried | scheme.read_only:
        return True
    return shortcut(node, scheme, layers) is not None


def _strike_out(placed: Placement, scheme: Scheme, observed: Container[str]) -> bool:
    closed = [n for n in placed.weighted if n.op_type in scheme.closed]
    made = {handed_on(n, scheme) for n in closed}
    made |= {handed_on(n, scheme) for n in placed.carried}
    made |= {v for n in placed.weighted if (v := n.inputs[0]) is not None}
    readers = {*placed.weighted, *placed.carried}
    kept = [n for n in placed.carried if _joins(n, handed_on(n, scheme), made, readers, observed)]
    changed = len(kept) < len(placed.carried)
    placed.carried = kept
    return changed


def _joins(
    node: ir.Node,
    out: ir.Value,
    made: set[ir.Value],
    readers: set[ir.Node],
    observed: Container[str],
) -> bool:
    return (
        all(v in made for v in read(node))
        and name_of(out) in observed
        and not out.is_graph_output()
        and any(user in readers for user in out.consumers())
    )


def _add_readers(placed: Placement, found: list[ir.Node], observed: Container[str]) -> None:
    """From the last to the first: whether a Concat joins is up to those that read it."""
    joined = set(placed.weighted)
    for node in reversed(found):
        several = len(node.inputs) > 1 and node.op_type != "Add"
        wanted = not several or any(user in joined for user in node.outputs[0].consumers())
        if wanted and all(name_of(v) in observed for v in read(node)):
            joined.add(node)
    placed.readers = [n for n in found if n in joined]


def _everything(
    graph: ir.Graph, scheme: Scheme, observed: Container[str], kept: Container[ir.Node]
) -> Placement:
    placed, within = Placement(), set()
    for node in graph:
        if node in within or not any(_is_real(v) for v in node.outputs):
            continue
        reason = _hindrance(node, scheme, observed, kept)
        if reason:
            placed.left[name_of(node.outputs[0])] = reason
            tail = absorbed(node, scheme) if node.op_type in scheme.weighted else []
            because = f"it belongs to {name_of(node.outputs[0])}, which stays float"
            placed.left |= {name_of(n.outputs[0]): because for n in tail}
            within |= {*tail}
            continue
        (placed.weighted if is_layer(node, scheme) else placed.carried).append(node)
        within |= {*absorbed(node, scheme)} if node.op_type in scheme.closed else set()
    return placed


def _hindrance(
    node: ir.Node, scheme: Scheme, observed: Container[str], kept: Container[ir.Node]
) -> str:
    if node in kept:
        return REQUESTED
    if node.domain or node.op_type not in scheme.weighted | scheme.carried:
        return f"the runtime has no integer kernel for {node.op_type}"
    if node.op_type in scheme.never:
        return f"the runtime keeps {node.op_type} float"
    pair = node.op_type in scheme.paired and not is_layer(node, scheme)
    if pair or node.op_type not in scheme.weighted:
        return of_carried(node, scheme, observed)
    return of_weighted(node, scheme, observed, kept)


def _is_real(value: ir.Value) -> bool:
    return value.dtype == ir.DataType.FLOAT


def _outputs(node: ir.Node, scheme: Scheme, observed: Container[str]) -> Iterator[ir.Value]:
    yield handed_on(node, scheme)
    yield from (v for v in node.outputs[1:] if v.name and v.name in observed)
