"""Types and shapes of inner values, by the standard's own inference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx
import onnx_ir as ir

from mcompile.lifting import lifted

_FOLLOWED = {"Add", "Mul", "Sub"}
_ALIKE = {"GroupNormalization", "MeanVarianceNormalization"}
"""Ops that make what has the type and shape of their first input, which ONNX does not tell."""

_LONGEST_SHAPE = 1 << 16
_LARGEST_SENT = 1000
"""Bytes of a constant above which inference is told its shape only: it looks at small ones."""


def infer(model: ir.Model) -> None:
    """Fill in, in place, what ONNX can tell; a model that it cannot follow is left as it was.

    Values that are no tensors (sequences, optionals) keep the types they have.
    """
    with lifted(model.graph, lambda tensor: tensor.nbytes > _LARGEST_SENT):
        proto = ir.to_proto(model)
    _stand_in(proto.graph)
    known = _inferred(proto, values=False)
    # Followed by value, each entry of a vector takes 140 bytes: shapes are short, other data not.
    if known is not None and not _has_long_vectors(known.graph):
        known = _inferred(proto, values=True) or known
    if known is not None:
        _fill(model.graph, known.graph)


def _stand_in(graph: onnx.GraphProto) -> None:
    """Let an Identity stand for each op that ONNX cannot follow, in what is sent to inference."""
    for node in graph.node:
        if node.op_type in _ALIKE and node.domain in ("", "ai.onnx") and node.input:
            node.op_type = "Identity"
            del node.input[1:], node.attribute[:]
        for inner in _protos(node.attribute):
            _stand_in(inner)


def _inferred(proto: onnx.ModelProto, *, values: bool) -> onnx.ModelProto | None:
    try:
        return onnx.shape_inference.infer_shapes(
            proto, check_type=False, strict_mode=False, data_prop=values
        )
    except Exception:  # it raises its own class, and whatever protobuf raises
        return None


def _has_long_vectors(graph: onnx.GraphProto) -> bool:
    """Whether arithmetic reads a vector that is too long to be the shape of anything."""
    told = (*graph.input, *graph.value_info)
    shapes = ((v.name, v.type.tensor_type.shape.dim) for v in told)
    long = {name for name, dim in shapes if len(dim) == 1 and dim[0].dim_value > _LONGEST_SHAPE}
    return any(n.op_type in _FOLLOWED and not long.isdisjoint(n.input) for n in graph.node)


def _fill(graph: ir.Graph, known: onnx.GraphProto) -> None:
    found = {v.name: v.type for v in (*known.value_info, *known.output)}
    for value in (v for node in graph for v in node.outputs):
        kind = found.get(value.name or "")
        if kind is not None and kind.HasField("tensor_type"):
            _set(value, kind.tensor_type)
    for node, twin in zip(graph, known.node, strict=True):
        for mine, theirs in zip(_branches(node), _protos(twin.attribute), strict=True):
            _fill(mine, theirs)


def _set(value: ir.Value, kind: onnx.TypeProto.Tensor) -> None:
    if kind.elem_type:
        dtype = ir.DataType(kind.elem_type)
        if value.dtype != dtype and (value.type is None or isinstance(value.type, ir.TensorType)):
            value.dtype = dtype
    if kind.HasField("shape"):
        dims = [_dim(d) for d in kind.shape.dim]
        if value.shape is None or value.shape != dims:
            value.shape = ir.Shape(dims)


def _dim(dim: onnx.TensorShapeProto.Dimension) -> int | str | None:
    if dim.HasField("dim_value"):
        return int(dim.dim_value)
    return str(dim.dim_param) or None


def _branches(node: ir.Node) -> Iterator[ir.Graph]:
    for name in sorted(node.attributes):
        attribute = node.attributes[name]
        if attribute.type == ir.AttributeType.GRAPH:
            yield attribute.as_graph()
        elif attribute.type == ir.AttributeType.GRAPHS:
            yield from attribute.as_graphs()


def _protos(attributes: Iterable[onnx.AttributeProto]) -> Iterator[onnx.GraphProto]:
    for attribute in sorted(attributes, key=lambda a: a.name):
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        elif attribute.type == onnx.AttributeProto.GRAPHS:
            yield from attribute.graphs
