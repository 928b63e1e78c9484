"""What holds for every program between two stages, whatever was done to it."""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir

from mcompile.errors import Broken
from mcompile.graph import name_of
from mcompile.types import Program

_FIX = "report this model, with the log of `-v`"


def invariants(program: Program) -> None:
    """Raise `Broken`, naming the node or value, where the program is not well formed.

    Each name is defined once and before it is read, each op's domain has an opset, constants are
    of the type and shape they declare, and inputs and outputs are still those of the program.
    Whether ops are given what they accept is left to the runtime that loads the program.
    """
    model = program.graph
    _check_ports(program)
    _check_graph(model.graph, {})
    known = {*model.opset_imports, *(key[0] for key in model.functions)}
    for node in model.graph.all_nodes():
        domain = "" if node.domain == "ai.onnx" else node.domain
        if domain not in known and not (domain == "" and "ai.onnx" in known):
            raise Broken(f"no opset for the domain {domain or 'ai.onnx'}", where=_at(node))


def _check_ports(program: Program) -> None:
    graph = program.graph.graph
    inputs = [name_of(v) for v in graph.inputs if v.name not in graph.initializers]
    for kind, ports, found in (
        ("inputs", program.inputs, inputs),
        ("outputs", program.outputs, [name_of(v) for v in graph.outputs]),
    ):
        if [p.name for p in ports] != found:
            names = ", ".join(p.name for p in ports)
            raise Broken(f"the {kind} are {', '.join(found)} in place of {names}", fix=_FIX)


def _check_graph(graph: ir.Graph, outer: dict[str, ir.Value]) -> None:
    """Walk the nodes in order, with all names that are defined so far."""
    scope = dict(outer)
    given = dict.fromkeys([*graph.inputs, *graph.initializers.values()])
    for value in given:
        _define(scope, value, f"graph {graph.name}")
    for value in graph.initializers.values():
        _check_constant(value)
    for node in graph:
        for read in node.inputs:
            _check_read(scope, read, node)
        for branch in _branches(node):
            _check_graph(branch, scope)
        for made in node.outputs:
            if made.name:
                _define(scope, made, _at(node))
    for output in graph.outputs:
        if scope.get(name_of(output)) is not output:
            raise Broken(f"the output {output.name} is made by no node", fix=_FIX)


def _define(scope: dict[str, ir.Value], value: ir.Value, where: str) -> None:
    name = name_of(value)
    if name in scope:
        raise Broken(f"{name} is defined twice", where=where, fix=_FIX)
    scope[name] = value


def _check_read(scope: dict[str, ir.Value], read: ir.Value | None, node: ir.Node) -> None:
    if read is not None and scope.get(name_of(read)) is not read:
        raise Broken(f"it reads {read.name} before anything defines it", where=_at(node), fix=_FIX)


def _check_constant(value: ir.Value) -> None:
    tensor = value.const_value
    if tensor is None:
        raise Broken(f"the constant {value.name} has no data", fix=_FIX)
    if value.dtype not in (None, tensor.dtype):
        raise Broken(f"{value.name} declares {value.dtype}, and is {tensor.dtype}", fix=_FIX)
    if value.shape is not None and value.shape.is_static() and value.shape != tensor.shape:
        raise Broken(f"{value.name} declares {value.shape}, and is {tensor.shape}", fix=_FIX)


def _branches(node: ir.Node) -> Iterator[ir.Graph]:
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            yield attribute.as_graph()
        elif attribute.type == ir.AttributeType.GRAPHS:
            yield from attribute.as_graphs()


def _at(node: ir.Node) -> str:
    return f"{node.op_type} {node.name or (node.outputs[0].name if node.outputs else '')}".strip()
