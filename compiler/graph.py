"""The one place that knows onnx-ir: loading, saving, cloning, and the narrowing of optional fields.

onnx-ir types most fields as optional. Everything else in the compiler asks here and gets either a
plain value or a plain None.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common

from mcompile.errors import Broken
from mcompile.types import Array, Dim, Port, Program

EXTERNAL_ABOVE = 1 << 30
"""Bytes of weights above which they go to a file of their own: protobuf ends at 2 GiB."""


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
    return "unknown" if value.dtype is None else _spell(value.dtype)


def _spell(dtype: ir.DataType) -> str:
    return "string" if dtype == ir.DataType.STRING else str(dtype.numpy())


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
    model = ir.from_onnx_text(text)
    for key, array in (weights or {}).items():
        value = next((v for v in values(model.graph) if v.name == key), None)
        _initialize(model.graph, value or ir.Value(name=key), array)
    return program(name, model)


def load(path: Path, name: str) -> Program:
    """A program from an `.onnx` file; external tensors stay on disk, mapped when they are read."""
    return program(name, ir.load(path))


def save(source: Program, path: Path) -> None:
    """Write `path`, with weights in `<path>.data` beside it when they would not fit protobuf."""
    total = sum(v.const_value.nbytes for v in source.graph.graph.initializers.values() if v.const_value)
    ir.save(source.graph, path, external_data=f"{path.name}.data" if total > EXTERNAL_ABOVE else None)


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


def is_constant(value: ir.Value | None) -> bool:
    """Whether the value is an initializer nobody can override (cheap: reads no data)."""
    return value is not None and value.const_value is not None and not value.is_graph_input()


def constant(graph: ir.Graph, stem: str, data: Array) -> ir.Value:
    """A new initializer under a name derived from `stem`."""
    return _initialize(graph, ir.Value(name=fresh(graph, stem)), data)


def _initialize(graph: ir.Graph, value: ir.Value, data: Array) -> ir.Value:
    value.const_value = ir.tensor(np.ascontiguousarray(data), name=value.name)
    value.dtype, value.shape = value.const_value.dtype, ir.Shape(value.const_value.shape)
    graph.initializers.add(value)
    return value


def fresh(graph: ir.Graph, stem: str) -> str:
    """`stem`, or `stem_1`, `stem_2`, … : the first that no value of the graph bears."""
    taken = {v.name for g in (graph, *graph.subgraphs()) for v in values(g)}
    return next(n for n in _numbered(stem) if n not in taken)


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    number = 0
    while True:
        number += 1
        yield f"{stem}_{number}"


def sole_user(value: ir.Value) -> ir.Node | None:
    """The one node that reads the value, once; None for several readers or a graph output."""
    uses = tuple(value.uses())
    return uses[0].node if len(uses) == 1 and not value.is_graph_output() else None


def replace(old: ir.Value, new: ir.Value) -> None:
    """Make every reader of `old` read `new`; a graph output keeps its name."""
    ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)


def integer(node: ir.Node, name: str, default: int) -> int:
    """An integer attribute, or its default."""
    return node.attributes.get_int(name, default)


def opset(source: Program) -> int:
    """The version of the standard operator set that the program uses."""
    return source.graph.opset_imports.get("", 0)


def infer_shapes(source: Program) -> None:
    """Fill in types and shapes of inner values where ONNX can tell them."""
    common.ShapeInferencePass(data_prop=True)(source.graph)


def strip(source: Program) -> None:
    """Drop doc strings and exporter metadata: they hold paths and make builds differ."""
    common.ClearMetadataAndDocStringPass()(source.graph)
