"""What a graph looks like: its nodes, its size, and a digest that names do not change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import onnx.numpy_helper


def shape_of(path: Path) -> dict[str, Any]:
    """Nodes (inner graphs and functions included), megabytes, and the digest."""
    model = onnx.load(path)
    inner = sum(len(f.node) for f in model.functions)
    nodes = sum(1 for _ in _nodes(model.graph)) + inner
    return {"nodes": nodes, "mb": path.stat().st_size / 1e6, "digest": digest(model)}


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            yield from (n for g in _graphs(attribute) for n in _nodes(g))


def _graphs(attribute: onnx.AttributeProto) -> list[onnx.GraphProto]:
    return [attribute.g, *attribute.graphs]


def digest(model: onnx.ModelProto) -> str:
    """Equal only for graphs of the same nodes on the same values, whatever these are called."""
    graph = model.graph
    known = {v.name: _hash("input", k, v.type.tensor_type.elem_type)
             for k, v in enumerate(graph.input)}  # fmt: skip
    for tensor in graph.initializer:
        data = onnx.numpy_helper.to_array(tensor)
        known[tensor.name] = _hash(tensor.data_type, tensor.dims, data.tobytes())
    made = [_node(node, known) for node in graph.node]
    results = [(v.name, known.get(v.name)) for v in graph.output]
    opsets = sorted((o.domain, o.version) for o in model.opset_import)
    functions = [f.SerializeToString(deterministic=True) for f in model.functions]
    return _hash(sorted(made), results, opsets, functions)


def _node(node: onnx.NodeProto, known: dict[str, str]) -> str:
    given = [known.get(name, name) for name in node.input]
    attributes = sorted(a.SerializeToString(deterministic=True) for a in node.attribute)
    outer = [
        known.get(name, name)
        for attribute in node.attribute
        for inner in _graphs(attribute)
        for n in _nodes(inner)
        for name in n.input
    ]
    made = _hash(node.domain, node.op_type, given, attributes, outer)
    known.update({name: _hash(made, k) for k, name in enumerate(node.output) if name})
    return made


def _hash(*parts: object) -> str:
    seen = hashlib.sha256()
    for part in parts:
        seen.update(part if isinstance(part, bytes) else repr(part).encode())
        seen.update(b"\0")
    return seen.hexdigest()[:16]
