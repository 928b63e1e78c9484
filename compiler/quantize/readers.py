"""Who reads an activation in its rounded form, and what it makes of it."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile.graph import is_constant, name_of, values
from mcompile.oracle import Oracle
from mcompile.quantize.edges import handed_on
from mcompile.quantize.walk import cut
from mcompile.types import Array, Program, QuantPlan, Scheme


class Reader:
    """What a node makes of one of its inputs; where it reads more that is computed, the input."""

    def __init__(
        self, node: ir.Node, name: str, source: Program, threads: int | None = None
    ) -> None:
        made = node.outputs[0]
        others = [v for v in node.inputs if v is not None and v.name != name]
        alone = all(is_constant(v) for v in others) and not _has_branches(node)
        inside = node.graph is source.graph.graph  # not in a branch of it
        self._name, self._made = name, name_of(made)
        self._oracle: Oracle | None = None
        if alone and inside and made.dtype == ir.DataType.FLOAT and len(node.outputs) == 1:
            self._oracle = Oracle(cut(source, [name], [self._made]), threads=threads)

    def of(self, x: Array) -> Array:
        """The result for that value of the input."""
        return x if self._oracle is None else self._oracle.run({self._name: x})[self._made]


def rounded(x: Array, step: float, first: int, last: int) -> Array:
    """The values as integers from `first` to `last`, of that step, hold them; zero is 0."""
    held: Array = np.rint(x / np.float32(step))
    np.clip(held, first, last, out=held)
    held *= np.float32(step)
    return held


def readers(source: Program, plan: QuantPlan, scheme: Scheme) -> dict[str, list[ir.Node]]:
    """The nodes that read each activation as its integers hold it, in the order of execution.

    A value that an integer kernel makes is read so by everyone, any other by integer nodes only.
    Values whose scale the runtime fixes are left out.
    """
    graph = source.graph.graph
    integers = {n for n in graph if is_on_integers(n, plan, scheme)}
    makers = scheme.closed | scheme.carried
    made = {handed_on(n, scheme) for n in integers if scheme.integer_only or n.op_type in makers}
    fixed = {id(plan.tensors[n]) for n in _fixed(graph, scheme) if n in plan.tensors}
    return {
        name_of(v): [n for n in dict.fromkeys(v.consumers()) if v in made or n in integers]
        for v in values(graph)
        if v.name in plan.tensors
        and v.const_value is None
        and id(plan.tensors[name_of(v)]) not in fixed
    }


def _fixed(graph: ir.Graph, scheme: Scheme) -> list[str]:
    return [name_of(v) for n in graph if n.op_type in scheme.fixed for v in n.outputs]


def is_on_integers(node: ir.Node, plan: QuantPlan, scheme: Scheme) -> bool:
    """Whether the node computes on integers, or is worth integers that it reads."""
    if node.domain or node.op_type in scheme.never or name_of(node.outputs[0]) in plan.left_float:
        return False
    given = [name_of(v) for v in node.inputs if v is not None and v.const_value is None]
    if node.op_type in scheme.weighted:
        return all(v is not None and v.name in plan.tensors for v in node.inputs[:2])
    if scheme.integer_only or node.op_type in scheme.carried:
        given += [name_of(node.outputs[0])]
    elif node.op_type not in scheme.read_only:
        return False
    return all(n in plan.tensors for n in given)


def _has_branches(node: ir.Node) -> bool:
    return any(a.type == ir.AttributeType.GRAPH for a in node.attributes.values())
