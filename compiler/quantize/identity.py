"""Which tensors of two programs are the same, whatever they are called and whatever else differs.

A value's identity is the hash of what computes it: the op, the version of its definition, its
attributes and the identities of its inputs, down to the program's inputs and the bytes of weights.
Two targets optimize a model differently, but share most of its tensors: those need not be observed
twice. A model with other weights shares none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import onnx
import onnx_ir as ir

from mcompile.graph import name_of
from mcompile.types import Program

_SLAB = 1 << 22


def identities(program: Program) -> dict[str, str]:
    """The SHA-256, in hex, of every value of the main graph, by name; reads all weights once."""
    graph = program.graph.graph
    found: dict[ir.Value, bytes] = {}
    for port in graph.inputs:
        found[port] = _hash([b"input", name_of(port).encode(), str(port.dtype).encode()])
    for value in graph.initializers.values():
        if value.const_value is not None:
            found[value] = _of_tensor(value.const_value)
    functions = _of_functions(program.graph)
    for node in graph:
        stem = _of_node(node, program.graph.opset_imports, found)
        called = functions if node.op_identifier() in program.graph.functions else b""
        for index, value in enumerate(node.outputs):
            found[value] = _hash([stem, called, str(index).encode()])
    return {name_of(value): made.hex() for value, made in found.items() if value.name}


def of_model(program: Program, known: Mapping[str, str]) -> str:
    """The SHA-256, in hex, of what the program computes, from the identities of its values."""
    ports = (f"{p.name}:{p.dtype}" for p in (*program.inputs, *program.outputs))
    return _hash(
        text.encode() for text in (*ports, *(known[p.name] for p in program.outputs))
    ).hex()


def _branches(node: ir.Node) -> Iterator[ir.Graph]:
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            yield attribute.as_graph()
        elif attribute.type == ir.AttributeType.GRAPHS:
            yield from attribute.as_graphs()


def _of_node(node: ir.Node, opsets: dict[str, int], found: dict[ir.Value, bytes]) -> bytes:
    since = _since(node, opsets)
    pieces = [node.domain.encode(), node.op_type.encode(), str(since).encode()]
    for name in sorted(node.attributes):
        held = ir.to_proto(node.attributes[name])
        pieces.append(held.SerializeToString(deterministic=True))
    pieces += [found.get(v, b"outside") if v is not None else b"none" for v in node.inputs]
    for branch in _branches(node):
        tensors = (v.const_value for v in branch.initializers.values())
        pieces += [_of_tensor(tensor) for tensor in tensors if tensor is not None]
        read = [v for inner in branch.all_nodes() for v in inner.inputs]
        pieces += [found.get(v, b"inside") for v in (*read, *branch.outputs) if v is not None]
    return _hash(pieces)


def _of_functions(model: ir.Model) -> bytes:
    """What the functions of the model do, all of them together: they may call one another."""
    bodies = (
        ir.to_proto(f).SerializeToString(deterministic=True) for f in model.functions.values()
    )
    return _hash(sorted(bodies))


def _since(node: ir.Node, opsets: dict[str, int]) -> int:
    """The version in which the op got the definition that holds here."""
    version = opsets.get(node.domain, 0)
    try:
        return int(onnx.defs.get_schema(node.op_type, version, node.domain).since_version)
    except onnx.defs.SchemaError:
        return version


def _of_tensor(tensor: ir.TensorProtocol) -> bytes:
    shape = tensor.shape.numpy()
    pieces = [b"tensor", tensor.dtype.name.encode(), str([int(d) for d in shape]).encode()]
    data = tensor.numpy()
    if tensor.dtype == ir.DataType.STRING:
        return _hash([*pieces, repr(data.tolist()).encode()])
    flat = data.reshape(-1)
    slabs = (flat[k : k + _SLAB] for k in range(0, flat.size, _SLAB))
    whole = hashlib.sha256()
    for slab in slabs:
        whole.update(np.ascontiguousarray(slab).view(np.uint8).data)
    return _hash([*pieces, whole.digest()])


def _hash(pieces: Iterable[bytes]) -> bytes:
    """One hash of several pieces, each told apart from the next by its length."""
    made = hashlib.sha256()
    for piece in pieces:
        made.update(len(piece).to_bytes(8, "little"))
        made.update(piece)
    return made.digest()
