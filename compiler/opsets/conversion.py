"""Writes the nodes of a graph in another operator set, those of its branches too."""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir

from mcompile import graph
from mcompile.errors import LoweringError
from mcompile.opsets import lowering, raising
from mcompile.opsets.bodies import body
from mcompile.opsets.schemas import NEWEST, default, is_standard, objection, schema, since


def convert(main: ir.Graph, before: int, after: int) -> None:
    """Write every standard op of the one operator set as the other has it, in place.

    Types and shapes must have been inferred. Raises `LoweringError` naming the first node that
    cannot be written so; the graph is then not to be used.
    """
    write = _raise if after > before else _lower
    for node in list(main.all_nodes()):
        if is_standard(node) and node.graph is not None:
            write(node, before, after)


def _raise(node: ir.Node, before: int, after: int) -> None:
    first = node.op_type
    for version in range(before + 1, after + 1):
        for crossed, move in raising.MOVES.get(node.op_type, ()):
            if crossed == version and (reason := move(node)):
                raise _refusal(node, after, reason)
    if since(first, before) != since(node.op_type, after):
        formal = schema(node.op_type, after)
        reason = objection(node, formal) if formal is not None else "it was given up"
        if reason:
            raise _refusal(node, after, reason)


def _lower(node: ir.Node, before: int, after: int) -> None:
    if since(node.op_type, before) == since(node.op_type, after):
        return
    reason = _moved(node, before, after)
    if not reason:
        return
    found = body(node, before, after) if not any(_branches(node)) else None
    if found is None:
        raise _refusal(node, after, reason)
    model, written = found
    try:
        convert(model.graph, written, after)
    except LoweringError as error:
        raise _refusal(node, after, f"{reason}; written out, {error.what}") from error
    _splice(model.graph, node)


def _moved(node: ir.Node, before: int, after: int) -> str:
    """Why the op cannot stay the op that it is; empty when it now is one of the older set."""
    old, formal = schema(node.op_type, before), schema(node.op_type, after)
    if formal is None:
        return f"operator set {after} does not have it"
    if old is None or old.since_version > NEWEST:
        return f"what it is after operator set {NEWEST} is not known here"
    for crossed, move in lowering.MOVES.get(node.op_type, ()):
        if after < crossed <= before and (reason := move(node)):
            return reason
    for name, attribute in list(node.attributes.items()):
        if name not in formal.attributes and _said(attribute) == default(old, name):
            node.attributes.pop(name)
    return objection(node, formal)


def _said(attribute: ir.Attr) -> object:
    return list(attribute.value) if isinstance(attribute.value, tuple) else attribute.value


def _branches(node: ir.Node) -> Iterator[bool]:
    kinds = {ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS}
    return (a.type in kinds for a in node.attributes.values())


def _splice(made: ir.Graph, node: ir.Node) -> None:
    """Put the nodes of the body in the place of the node."""
    home = graph.owner(node)
    outputs = {int((v.name or "")[1:]): _own(made, v) for v in made.outputs}
    for given in made.inputs:
        source = node.inputs[int((given.name or "")[1:])]
        if source is not None:
            ir.convenience.replace_all_uses_with(given, source)
    made.outputs.clear()
    stem = graph.name_of(node.outputs[0])
    for name, value in list(made.initializers.items()):
        del made.initializers[name]
        value.name = graph.fresh(home, f"{stem}_{name}")
        home.initializers.add(value)
    for inner in made.all_nodes():
        inner.name = None  # the graph that it comes into names it anew
        for value in inner.outputs:
            value.name = graph.fresh(home, f"{stem}_{value.name}") if value.name else value.name
    nodes = list(made)
    made.remove(nodes)
    home.insert_before(node, nodes)
    for place, value in outputs.items():
        graph.replace(node.outputs[place], value)
    home.remove(node, safe=True)


def _own(made: ir.Graph, output: ir.Value) -> ir.Value:
    """The output as the output of a node."""
    if output.producer() is not None:
        return output
    last = ir.node("Identity", [output])
    last.outputs[0].name, last.outputs[0].type = f"{output.name}_same", output.type
    made.append(last)
    return last.outputs[0]


def _refusal(node: ir.Node, after: int, reason: str) -> LoweringError:
    name = node.name or next((v.name for v in node.outputs if v.name), "")
    return LoweringError(
        f"{node.op_type} cannot be written in operator set {after}: {reason}",
        where=f"the node {name}" if name else "",
        fix=f"export the model at operator set {after}, or choose a target that reads newer ones",
    )
