"""An If whose condition is known gives way to the branch that it takes.

    If(true, then: y = f(x), else: y = g(x))   ->   y = f(x)

The nodes and constants of the branch move to where the If stands, under names that are free there:
sibling branches may use the same names. What they read from outside stays in sight. An output that
the branch does not make by a node of its own (a constant, say) is made by an Identity.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from mcompile import graph
from mcompile.rules import Phase, Rule, Skip


@dataclass(frozen=True)
class Taken:
    """An If, and the branch that runs."""

    node: ir.Node
    branch: ir.Graph


class DropBranches(Rule[Taken]):
    root = "If"
    phase = Phase.CLEAN

    def match(self, node: ir.Node) -> Taken | Skip | None:
        known = graph.array(node.inputs[0])
        if known is None or known.size != 1 or graph.is_dead(node):
            return None
        name = "then_branch" if known.any() else "else_branch"
        branch = node.attributes.get(name)
        return None if branch is None else Taken(node, branch.as_graph())

    def rewrite(self, found: Taken) -> None:
        made = list(found.branch.outputs)
        found.branch.outputs.clear()
        _move_constants(found)
        _move_nodes(found)
        for old, new in zip(found.node.outputs, made, strict=True):
            graph.replace(old, _passed(found.node, new) if graph.hindrance(old, new) else new)


def _move_constants(found: Taken) -> None:
    home = graph.owner(found.node)
    for name, value in list(found.branch.initializers.items()):
        del found.branch.initializers[name]
        value.name = graph.fresh(home, name)
        home.initializers.add(value)


def _move_nodes(found: Taken) -> None:
    home, moved = graph.owner(found.node), list(found.branch)
    found.branch.remove(moved)
    for value in (v for n in moved for v in n.outputs if v.name):
        value.name = graph.fresh(home, graph.name_of(value))
    home.insert_before(found.node, moved)


def _passed(node: ir.Node, value: ir.Value) -> ir.Value:
    """The value as made by an Identity in front of the node."""
    home, same = graph.owner(node), ir.Node("", "Identity", [value])
    home.insert_before(node, same)
    same.outputs[0].name = graph.fresh(home, graph.name_of(value))
    return same.outputs[0]
