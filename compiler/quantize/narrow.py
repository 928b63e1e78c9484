"""Writes 16 bits into a program: types of values, constants, and Casts where types meet.

Each value has one type; whoever reads it in the other shares one Cast, right behind its maker.
Large constants are converted slab by slab when they are written, into a file that is mapped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import onnx_ir as ir

from mcompile import graph
from mcompile.errors import Broken
from mcompile.quantize.islands import root
from mcompile.quantize.retype import stored
from mcompile.quantize.slots import Slots, is_edge, is_float


def narrow(
    model: ir.Model, halves: Mapping[ir.Node, Slots], half: ir.DataType, keep_ports: bool
) -> None:
    """Give the nodes in `halves` 16-bit inputs and outputs, in place.

    Without `keep_ports` the model's float32 inputs and outputs become 16 bits too.
    """
    with graph.naming(model):
        nodes = list(model.graph.all_nodes())
        reads = list(_reads(nodes, halves, half))
        ends = list(_ends(model.graph, halves, half, keep_ports))
        writing = _Writing(half, _edges(nodes, half))
        for value in () if keep_ports else filter(is_float, model.graph.inputs):
            if value.const_value is None:
                value.type = ir.TensorType(half)
        for node, found in halves.items():
            _retype(node, found, half)
        writing.constants(reads)
        for node, index, source, dtype in reads:
            node.replace_input_with(index, writing.provided(source, dtype))
        for each, index, source, dtype in ends:
            writing.end(each, index, source, dtype)
        for node in reversed(nodes):
            if node.op_type == "Cast" and node.graph is not None and graph.is_dead(node):
                graph.owner(node).remove(node, safe=True)


Read = tuple[ir.Node, int, ir.Value, ir.DataType]
"""A node, the position of an input, the value behind its Casts, and the type it is wanted in."""


def _reads(
    nodes: Iterable[ir.Node], halves: Mapping[ir.Node, Slots], half: ir.DataType
) -> Iterator[Read]:
    for node in nodes:
        wanted = halves[node].reads if node in halves else ()
        for index, value in enumerate(node.inputs):
            if value is None or value.dtype is None or is_edge(node, half):
                continue
            source = root(value, half)
            if is_float(value) or source is not value:
                yield node, index, source, half if index in wanted else value.dtype


def _ends(
    main: ir.Graph, halves: Mapping[ir.Node, Slots], half: ir.DataType, keep_ports: bool
) -> Iterator[tuple[ir.Graph, int, ir.Value, ir.DataType]]:
    """Outputs of the graph and its branches that no Cast makes, in the type they are to be."""
    chosen = {
        (attribute.as_graph(), index)
        for node, found in halves.items()
        if node.op_type == "If"
        for attribute in node.attributes.values()
        for index in found.makes
    }
    for each in (main, *main.subgraphs()):
        for index, value in enumerate(each.outputs):
            if is_float(value) and root(value, half) is value and value.const_value is None:
                wanted = (each, index) in chosen or (each is main and not keep_ports)
                yield each, index, value, half if wanted else ir.DataType.FLOAT


def _edges(nodes: Iterable[ir.Node], half: ir.DataType) -> dict[tuple[ir.Value, int], ir.Value]:
    """The Casts that are there, by what they read at their root and give."""
    found = {}
    for node in nodes:
        if is_edge(node, half) and node.inputs[0] is not None:
            source = root(node.inputs[0], half)
            if source.graph is node.graph:
                found[source, graph.integer(node, "to", 0)] = node.outputs[0]
    return found


def _retype(node: ir.Node, found: Slots, half: ir.DataType) -> None:
    for index in found.makes:
        node.outputs[index].type = ir.TensorType(half)
    if found.makes and node.op_type == "Cast":
        node.attributes["to"] = ir.AttrInt64("to", int(half))
    elif found.makes and node.op_type == "ConstantOfShape":
        value = node.attributes["value"].as_tensor()
        node.attributes["value"] = ir.AttrTensor("value", stored(value, half))


@dataclass
class _Writing:
    half: ir.DataType
    casts: dict[tuple[ir.Value, int], ir.Value]
    moved: set[ir.Value] = field(default_factory=set)
    twins: dict[ir.Value, ir.Value] = field(default_factory=dict)

    def constants(self, reads: Iterable[Read]) -> None:
        """Convert constants in place, or beside the float32 ones where both are read."""
        wanted: dict[ir.Value, set[ir.DataType]] = {}
        for _, _, source, dtype in reads:
            if graph.is_constant(source) and is_float(source):
                wanted.setdefault(source, set()).add(dtype)
        for value, dtypes in wanted.items():
            if self.half not in dtypes or value.const_value is None or value.graph is None:
                continue
            tensor = stored(value.const_value, self.half)
            if dtypes == {self.half} and not value.is_graph_output():
                value.const_value, value.type = tensor, ir.TensorType(self.half)
            else:
                data = tensor if isinstance(tensor, ir.LazyTensor) else tensor.numpy()
                self.twins[value] = graph.constant(value.graph, f"{value.name}.half", data)

    def provided(self, source: ir.Value, dtype: ir.DataType) -> ir.Value:
        """The value in that type, by a Cast behind its maker where it has another."""
        if source.dtype == dtype:
            return source
        if dtype == self.half and source in self.twins:
            return self.twins[source]
        key = (source, int(dtype))
        if key not in self.casts:
            self.casts[key] = _cast(source, dtype, "half" if dtype == self.half else "float")
        made, maker = self.casts[key], self.casts[key].producer()
        if maker is not None and made not in self.moved:
            maker.replace_input_with(0, source)
            _place(maker, source)
            self.moved.add(made)
        return made

    def end(self, each: ir.Graph, index: int, source: ir.Value, dtype: ir.DataType) -> None:
        """Make the graph's output one of that type, under the name it has."""
        made = self.provided(source, dtype)
        if made is source:
            return
        name = graph.name_of(source)
        source.name = graph.fresh(each, f"{name}.half" if dtype != self.half else f"{name}.float")
        made.name = name
        each.outputs[index] = made


def _cast(source: ir.Value, dtype: ir.DataType, suffix: str) -> ir.Value:
    name = graph.name_of(source)
    if source.graph is None:
        raise Broken(f"{name} stands in no graph", fix="report this model")
    name = graph.fresh(source.graph, f"{name}.{suffix}")
    node = ir.node("Cast", [source], {"to": int(dtype)}, name=name)
    made = node.outputs[0]
    made.name, made.type = name, ir.TensorType(dtype)
    made.shape = source.shape.copy() if source.shape is not None else None
    return made


def _place(node: ir.Node, source: ir.Value) -> None:
    """Put the node right behind the maker of what it reads, or first of all."""
    maker, home = source.producer(), source.graph
    if home is None:
        raise Broken(f"{source.name} stands in no graph", fix="report this model")
    if node.graph is not None:
        graph.owner(node).remove(node)
    if maker is not None:
        home.insert_after(maker, node)
    elif len(home):
        home.insert_before(home[0], node)
    else:
        home.append(node)
