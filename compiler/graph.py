"""The one place that knows onnx-ir: loading, saving, cloning, and the narrowing of optional fields.

Everything else in the compiler asks here and gets either a plain value or a plain None.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import onnx.parser
import onnx_ir as ir
from onnx_ir.passes import common

from mcompile import shapes
from mcompile.errors import Broken
from mcompile.types import Array, Dim, Port, Program

EXTERNAL_ABOVE = 1 << 27
"""Bytes of weights above which they go to a file of their own: protobuf holds all of them twice."""

MAPPED_ABOVE = 1 << 24
"""Bytes above which a tensor the compiler makes lives in an unlinked file, not in memory."""

_taken: dict[ir.Graph, dict[str, int]] = {}


def name_of(value: ir.Value | None) -> str:
    """The value's name; every value in a graph has one once it was loaded."""
    if value is None or value.name is None:
        raise Broken("a value without a name", fix="report this model")
    return value.name


def dims(value: ir.Value) -> tuple[Dim, ...] | None:
    """The shape, with a name for each dimension that is not fixed; None for an unknown rank."""
    if value.shape is None:
        return None
    return tuple(d if isinstance(d, int) else str(d.value or "?") for d in value.shape.dims)


def dtype_of(value: ir.Value) -> str:
    """The element type in numpy's spelling, `unknown` where the graph does not say."""
    if value.dtype is None:
        return "unknown"
    return "string" if value.dtype == ir.DataType.STRING else str(value.dtype.numpy())


def port(value: ir.Value) -> Port:
    """A graph's input or output as a `Port`."""
    return Port(name_of(value), dtype_of(value), dims(value) or ())


def program(name: str, model: ir.Model) -> Program:
    """The model as a `Program`: weights that were listed as inputs too are weights only."""
    graph = model.graph
    inputs = tuple(port(v) for v in graph.inputs if name_of(v) not in graph.initializers)
    return Program(name, model, inputs, tuple(port(v) for v in graph.outputs))


def clone(source: Program) -> Program:
    """A copy to edit. Tensors are shared, never copied: they are not edited in place."""
    return program(source.name, source.graph.clone())


def parse(text: str, weights: Mapping[str, Array] | None = None, name: str = "text") -> Program:
    """A program from ONNX text, its initializers given as arrays; used by the tests."""
    proto = onnx.parser.parse_model(text)
    for key, data in (weights or {}).items():
        proto.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(data), key))
    return program(name, ir.from_proto(proto))


def load(path: Path, name: str) -> Program:
    """A program from an `.onnx` file; external tensors stay on disk, mapped when they are read."""
    return program(name, ir.load(path))


def save(source: Program, path: Path) -> None:
    """Write `path`, with weights in `<path>.data` beside it when they would not fit protobuf."""
    model = source.graph.clone()
    tensors = (v.const_value for v in model.graph.initializers.values())
    large = sum(t.nbytes for t in tensors if t is not None) > EXTERNAL_ABOVE
    if not large:  # a tensor of another file would be written as a reference to it
        ir.external_data.load_to_model(model)
    ir.save(model, path, external_data=f"{path.name}.data" if large else None)


def values(graph: ir.Graph) -> Iterator[ir.Value]:
    """Every value of the main graph: inputs, initializers, and what the nodes make."""
    seen = set(graph.inputs)
    yield from graph.inputs
    yield from (v for v in graph.initializers.values() if v not in seen)
    for node in graph:
        yield from node.outputs


def array(value: ir.Value | None) -> Array | None:
    """The constant behind a value, or None when it is only known at run time.

    An initializer that is also a graph input may be overridden by the caller: not a constant.
    """
    if value is None or value.is_graph_input():
        return None
    tensor = value.const_value
    producer = value.producer()
    if tensor is None and producer is not None and producer.op_type == "Constant":
        tensor = ir.convenience.get_const_tensor(value)
    return None if tensor is None else tensor.numpy()


def sizes(tensor: ir.TensorProtocol) -> ir.Shape:
    """The shape of a constant, which has no dimension that is free."""
    return ir.Shape([int(d) for d in tensor.shape.numpy()])


def is_constant(value: ir.Value | None) -> bool:
    """Whether the value is an initializer nobody can override (cheap: reads no data)."""
    return value is not None and value.const_value is not None and not value.is_graph_input()


def room(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """An array to write a new tensor into, mapped from an unlinked file where it is large."""
    if np.prod(shape, dtype=np.int64) * dtype.itemsize < MAPPED_ABOVE:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype, "w+", shape=shape)


def constant(graph: ir.Graph, stem: str, data: Array | ir.LazyTensor) -> ir.Value:
    """A new initializer under a name derived from `stem`; a lazy one is computed when read."""
    return initializer(graph, fresh(graph, stem), data)


def initializer(graph: ir.Graph, name: str, data: Array | ir.LazyTensor) -> ir.Value:
    """A new initializer under exactly that name, which the caller knows to be free."""
    tensor = data if isinstance(data, ir.LazyTensor) else ir.tensor(_kept(data))
    tensor.name = name
    value = ir.Value(name=name, const_value=tensor)
    value.dtype, value.shape = tensor.dtype, sizes(tensor)
    graph.initializers.add(value)
    return value


def _kept(data: Array) -> Array:
    """The data where it may stay: mapped from a file when it is large."""
    if data.nbytes < MAPPED_ABOVE or isinstance(data, np.memmap):
        return data if data.flags.c_contiguous else data.copy()
    kept = room(data.shape, data.dtype)
    kept[...] = data
    return kept


@contextmanager
def naming(model: ir.Model) -> Iterator[None]:
    """Within it `fresh` walks no graph but remembers: whoever makes a value asks it for a name."""
    graphs = (model.graph, *model.graph.subgraphs())
    _taken.update(dict.fromkeys(graphs, _names(model.graph)))
    try:
        yield
    finally:
        for graph in graphs:
            _taken.pop(graph, None)


def fresh(graph: ir.Graph, stem: str) -> str:
    """`stem`, or `stem_1`, `stem_2`, … : the first that no value of the graph bears."""
    taken = _taken[graph] if graph in _taken else _names(graph)
    name, number = stem, taken.get(stem, 0)
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    taken[stem], taken[name] = number, 0
    return name


def _names(graph: ir.Graph) -> dict[str, int]:
    """The names in use, each with the last number that was tried behind it."""
    return {v.name: 0 for g in (graph, *graph.subgraphs()) for v in values(g) if v.name}


def owner(node: ir.Node) -> ir.Graph:
    """The graph or branch that the node stands in."""
    if not isinstance(node.graph, ir.Graph):
        raise Broken(f"{node.name or node.op_type} stands in no graph", fix="report this model")
    return node.graph


def sole_user(value: ir.Value) -> ir.Node | None:
    """The one node that reads the value, once; None for several readers or a graph output."""
    uses = tuple(value.uses())
    return uses[0].node if len(uses) == 1 and not value.is_graph_output() else None


def is_dead(node: ir.Node) -> bool:
    """Whether nobody reads anything that the node makes."""
    return not any(v.is_graph_output() or v.uses() for v in node.outputs)


def hindrance(old: ir.Value, new: ir.Value) -> str:
    """Why `new` cannot stand in for `old`, an output that a node must make; empty when it can."""
    if not old.is_graph_output():
        return ""
    if new.graph is not old.graph:
        return f"{old.name} is an output of a branch, and {new.name} comes from outside of it"
    if new.is_graph_input():
        return f"it joins the input {new.name} to the output {old.name}"
    if new.is_initializer():
        return f"it joins the constant {new.name} to the output {old.name}"
    return f"{old.name} and {new.name} are both outputs" if new.is_graph_output() else ""


def replace(old: ir.Value, new: ir.Value) -> None:
    """Make every reader of `old` read `new`, which has no `hindrance`; an output keeps its name."""
    if old.is_graph_output():
        old.name, new.name = new.name, old.name
        new.type = old.type or new.type
        new.shape = old.shape.copy() if old.shape is not None else new.shape
    elif new.type is None:
        new.type = old.type
    ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)


def integer(node: ir.Node, name: str, default: int) -> int:
    """An integer attribute, or its default."""
    return node.attributes.get_int(name, default)


def opset(source: Program) -> int:
    """The version of the standard operator set that the program uses."""
    return source.graph.opset_imports.get("", 0)


def infer_shapes(source: Program) -> None:
    """Fill in types and shapes of inner values where ONNX can tell them."""
    shapes.infer(source.graph)


def strip(source: Program) -> None:
    """Drop doc strings and exporter metadata: they hold paths and make builds differ."""
    common.ClearMetadataAndDocStringPass()(source.graph)
