"""Writes a plan into a program as Q/DQ pairs, the only quantized form between stages.

x  ->  DequantizeLinear(QuantizeLinear(x, s, z), s, z)
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from mcompile.graph import clone, name_of, naming, opset, program, values
from mcompile.quantize.biases import move
from mcompile.quantize.constants import Constants, append, scale_of
from mcompile.quantize.edges import handed_on, is_layer, read, shortcut
from mcompile.quantize.shield import shield
from mcompile.types import Program, QuantPlan, Scheme

__all__ = ["handed_on", "insert"]

_PER_AXIS = 13  # the operator set from which on DequantizeLinear has an axis


def insert(source: Program, plan: QuantPlan, scheme: Scheme) -> Program:
    """A copy of the program with the plan's Q/DQ pairs; the source is left as it was.

    A value that an integer kernel makes is read in its dequantized form by everyone. Any other is
    read so by integer nodes only: a residual beside a linear layer keeps its full precision.
    The plan's shifts are added to the biases before these become integers.
    Codes of large weights are computed when they are written, not held.
    Pairs of 16 bits need operator set 21, to which the caller converts the program.
    """
    target = clone(source)
    graph = target.graph.graph
    integers = _integers(graph, plan, scheme)
    made = {v for n in integers for v in _made(n, scheme)}
    held = [v for v in values(graph) if name_of(v) in plan.tensors and v.const_value is None]
    with naming(target.graph):
        move(graph, plan.shifts)
        constants = Constants(graph, plan, scheme)
        for node in integers:
            constants.write(node)
        for value in held:
            _insert_pair(graph, value, plan, None if value in made else integers)
        if scheme.fills_in and opset(source) >= _PER_AXIS:
            shield(graph)
    for name in [n for n, v in graph.initializers.items() if not v.uses()]:
        del graph.initializers[name]
    graph.sort()
    return program(source.name, target.graph)


def _made(node: ir.Node, scheme: Scheme) -> list[ir.Value]:
    """The values that the node's kernel writes as integers."""
    is_open = node.op_type in scheme.weighted - scheme.closed
    if is_open or node.op_type not in scheme.weighted | scheme.carried:
        return []
    return [handed_on(node, scheme), *node.outputs[1:]]


def _integers(graph: ir.Graph, plan: QuantPlan, scheme: Scheme) -> list[ir.Node]:
    """The nodes that read integers under the plan."""
    free = [n for n in graph if not n.domain and name_of(n.outputs[0]) not in plan.left_float]
    layers = [n for n in free if is_layer(n, scheme) and _are_planned(n.inputs[:2], plan)]
    found = {*layers}
    for node in free:
        needed = _needed(node, scheme, layers)
        if needed and _are_planned(needed, plan):
            found.add(node)
    return [n for n in graph if n in found]


def _needed(node: ir.Node, scheme: Scheme, layers: list[ir.Node]) -> list[ir.Value]:
    """The values that must be integers for a node without a weight to be one on integers."""
    branch = shortcut(node, scheme, layers)
    if branch is not None:
        return [branch]
    pair = node.op_type in scheme.paired and not is_layer(node, scheme)
    if pair or node.op_type in scheme.carried:
        return [*read(node), handed_on(node, scheme)]
    if node.op_type in scheme.read_only:
        return [*read(node), *(node.outputs if len(node.inputs) > 1 else ())]
    return []


def _are_planned(found: Sequence[ir.Value | None], plan: QuantPlan) -> bool:
    return all(v is not None and name_of(v) in plan.tensors for v in found)


def _insert_pair(
    graph: ir.Graph, value: ir.Value, plan: QuantPlan, readers: list[ir.Node] | None
) -> None:
    name = name_of(value)
    params = plan.tensors[name]
    uses = [u for u in value.uses() if readers is None or u.node in readers]
    kept = scale_of(graph, name, params)
    coded = append(graph, "QuantizeLinear", [value, *kept], f"{name}.integer")
    coded.type, coded.shape = kept[1].type, value.shape
    real = append(graph, "DequantizeLinear", [coded, *kept], f"{name}.real")
    real.type, real.shape = value.type, value.shape
    for use in uses:
        use.node.replace_input_with(use.idx, real)
    if readers is None and value.is_graph_output():
        _hand_out(graph, value, real)


def _hand_out(graph: ir.Graph, value: ir.Value, real: ir.Value) -> None:
    """Make the graph hand out the real form, under the name that its users know."""
    for index, each in enumerate(graph.outputs):
        if each is value:
            graph.outputs[index] = real
    value.name, real.name = real.name, value.name
