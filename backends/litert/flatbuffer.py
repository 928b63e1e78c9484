"""A draft as the bytes of a `.tflite` file, through the schema that ships with the runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mcompile.backends.litert.draft import FREE, TYPES, Draft, Op, Tensor
from mcompile.backends.litert.versions import version_of
from mcompile.errors import LoweringError
from mcompile.types import Array

_MOST_BYTES = 2**31 - 1
_ALIGNMENT = 16
"""Of every buffer, in bytes, as the schema demands of whoever writes one."""


@dataclass(frozen=True)
class Interface:
    """What the file offers: tensors in the order of the program's ports, and what it says of them.

    `metadata` are named blobs; `signature` is the key under which ports are found by name.
    """

    inputs: Sequence[tuple[str, Tensor]]
    outputs: Sequence[tuple[str, Tensor]]
    metadata: dict[str, bytes]
    signature: str = "serving_default"


def packed(draft: Draft, interface: Interface, description: str) -> bytes:
    """The flatbuffer. Raises `LoweringError` above the 2 GB that its offsets can reach."""
    total = sum(t.data.nbytes for t in draft.tensors if t.data is not None)
    if total >= _MOST_BYTES:
        raise LoweringError(
            f"{total / 1e9:.1f} GB of constants, and a flatbuffer holds less than 2.1 GB",
            where=description,
            fix="--precision int8 or fp16, which store less",
        )
    model = _model(draft, interface, description)
    builder = flatbuffers.Builder(total + 4096 * (len(draft.tensors) + 4))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(memoryview(builder.Bytes)[builder.Head() :])


def _model(draft: Draft, interface: Interface, description: str) -> Any:
    codes: dict[tuple[str, int], int] = {}
    used = _used(draft, interface)
    place = {tensor.index: k for k, tensor in enumerate(used)}
    buffers: list[Any] = [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.name = b"main"
    graph.tensors = [_tensor(t, draft, buffers) for t in used]
    graph.operators = [_operator(op, codes, place) for op in draft.ops]
    graph.inputs = [place[t.index] for _, t in interface.inputs]
    graph.outputs = [place[t.index] for _, t in interface.outputs]
    model = schema.ModelT()
    model.version = 3
    model.description = description.encode()
    model.operatorCodes = [_code(kind, version) for kind, version in codes]
    model.subgraphs = [graph]
    model.signatureDefs = [_signature(interface, place)]
    model.metadata = [_entry(name, data, buffers) for name, data in interface.metadata.items()]
    model.buffers = buffers
    return model


def _used(draft: Draft, interface: Interface) -> list[Tensor]:
    """The tensors that something reads or makes; constants that nobody took up are left out."""
    kept = {t.index for _, t in (*interface.inputs, *interface.outputs)}
    for op in draft.ops:
        kept |= {t.index for t in (*op.inputs, *op.outputs, *op.intermediates) if t is not None}
    return [t for t in draft.tensors if t.index in kept]


def _tensor(tensor: Tensor, draft: Draft, buffers: list[Any]) -> Any:
    made = schema.TensorT()
    made.name = tensor.name.encode()
    made.shape, made.shapeSignature = _shape(tensor, draft)
    made.hasRank = True
    made.isVariable = tensor.variable
    made.type = getattr(schema.TensorType, TYPES[tensor.dtype])
    made.buffer = 0
    if tensor.data is not None:
        made.buffer = len(buffers)
        buffers.append(_Aligned(tensor.data) if tensor.data.size else schema.BufferT())
    if tensor.quant is not None:
        made.quantization = quant = schema.QuantizationParametersT()
        quant.scale = np.asarray(tensor.quant.scale, np.float32)
        quant.zeroPoint = np.asarray(tensor.quant.zero_point, np.int64)
        quant.quantizedDimension = tensor.quant.axis
    return made


def _shape(tensor: Tensor, draft: Draft) -> tuple[list[int], list[int] | None]:
    """The shape for a free size of 1, and the signature that says which size is free."""
    if tensor.data is not None or not any(draft.is_free(d) for d in tensor.shape):
        return list(tensor.shape), None
    shape = [d // draft.stand_in if draft.is_free(d) else d for d in tensor.shape]
    return shape, [FREE if draft.is_free(d) else d for d in tensor.shape]


class _Aligned:
    """A buffer of the schema; its own packing would align it to single bytes."""

    def __init__(self, data: Array) -> None:
        self._data = np.ascontiguousarray(data).reshape(-1).view(np.uint8)

    def Pack(self, builder: Any) -> Any:  # noqa: N802  the schema calls it so
        """Append the buffer and hand back where it is."""
        size = self._data.size
        builder.StartVector(1, size, _ALIGNMENT)
        head = builder.Head() - size
        builder.head = head
        builder.Bytes[head : head + size] = self._data.data
        vector = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)
        return schema.BufferEnd(builder)


def _operator(op: Op, codes: dict[tuple[str, int], int], place: dict[int, int]) -> Any:
    made = schema.OperatorT()
    made.opcodeIndex = codes.setdefault((op.kind, version_of(op)), len(codes))
    made.inputs = [-1 if t is None else place[t.index] for t in op.inputs]
    made.outputs = [place[t.index] for t in op.outputs]
    if op.intermediates:
        made.intermediates = [place[t.index] for t in op.intermediates]
    if op.options:
        made.builtinOptionsType = getattr(schema.BuiltinOptions, op.options)
        made.builtinOptions = table = getattr(schema, f"{op.options}T")()
        for name, value in op.fields.items():
            getattr(table, name)  # a field that the schema does not have is our mistake
            setattr(table, name, value)
    return made


def _code(kind: str, version: int) -> Any:
    made = schema.OperatorCodeT()
    made.builtinCode = getattr(schema.BuiltinOperator, kind)
    made.deprecatedBuiltinCode = min(made.builtinCode, 127)
    made.version = version
    return made


def _signature(interface: Interface, place: dict[int, int]) -> Any:
    made = schema.SignatureDefT()
    made.signatureKey = interface.signature.encode()
    made.inputs = [_named(name, place[t.index]) for name, t in interface.inputs]
    made.outputs = [_named(name, place[t.index]) for name, t in interface.outputs]
    return made


def _named(name: str, index: int) -> Any:
    made = schema.TensorMapT()
    made.name, made.tensorIndex = name.encode(), index
    return made


def _entry(name: str, data: bytes, buffers: list[Any]) -> Any:
    made = schema.MetadataT()
    made.name, made.buffer = name.encode(), len(buffers)
    buffers.append(_Aligned(np.frombuffer(data, np.uint8)))
    return made
