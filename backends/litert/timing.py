"""How long each operator takes, run alone in a file of its own on what it reads in the whole one.

The runtime's Python interface has no profiler. What is measured is each kernel, XNNPACK's where it
takes the operator, with the call from Python; what it saves by fusing neighbours is not seen.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from mcompile.record import Layer
from mcompile.types import Array

_NAMES = {v: k for k, v in vars(schema.BuiltinOperator).items() if not k.startswith("_")}
_TYPES = {schema.TensorType.INT8: "int8", schema.TensorType.FLOAT32: "fp32"}
_OWN_KERNELS = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
_MOVES = frozenset({"DEQUANTIZE", "QUANTIZE", "RESHAPE"})


def timed(data: bytes, threads: int | None, fed: Mapping[int, Array], runs: int) -> list[Layer]:
    """The mean over `runs` runs; `fed` are the inputs as the file holds them, by tensor."""
    model = schema.ModelT.InitFromPackedBuf(bytearray(data), 0)
    values = _values(data, fed)
    return [_layer(model, op, values, threads, runs) for op in model.subgraphs[0].operators]


def _values(data: bytes, fed: Mapping[int, Array]) -> Any:
    """An interpreter that has run once and kept all that it computed."""
    runner: Any = Interpreter(
        model_content=data,
        experimental_op_resolver_type=_OWN_KERNELS,
        experimental_preserve_all_tensors=True,
    )
    for index, array in fed.items():
        runner.resize_tensor_input(index, array.shape, strict=True)
    runner.allocate_tensors()
    for index, array in fed.items():
        runner.set_tensor(index, array)
    runner.invoke()
    return runner


def _layer(model: Any, op: Any, values: Any, threads: int | None, runs: int) -> Layer:
    alone, read = _alone(model, op, values)
    builder = flatbuffers.Builder(1024)
    builder.Finish(alone.Pack(builder), b"TFL3")
    runner: Any = Interpreter(
        model_content=bytes(builder.Output()),
        num_threads=threads,
        experimental_op_resolver_type=OpResolverType.AUTO if read else _OWN_KERNELS,
    )
    runner.allocate_tensors()
    for place, index in enumerate(read):
        runner.set_tensor(place, values.get_tensor(index))
    runner.invoke()
    begin = time.perf_counter()
    for _ in range(runs):
        runner.invoke()
    spent = (time.perf_counter() - begin) / max(1, runs)
    tensors = model.subgraphs[0].tensors
    name = tensors[op.outputs[0]].name.decode()
    return Layer(name, _kind(model, op), spent * 1e3, precision=_computes_in(model, op))


def _alone(model: Any, op: Any, values: Any) -> tuple[Any, list[int]]:
    """A model of that operator, its computed operands first, and which tensors those are."""
    tensors = model.subgraphs[0].tensors
    used = [int(i) for i in dict.fromkeys([*op.inputs, *op.outputs]) if i >= 0]
    read = [i for i in used if i not in op.outputs and _is_computed(model, tensors[i])]
    order = [*read, *(i for i in used if i not in read)]
    place = {index: k for k, index in enumerate(order)} | {-1: -1}
    made, graph, node = schema.ModelT(), schema.SubGraphT(), schema.OperatorT()
    made.version, made.operatorCodes = 3, [model.operatorCodes[op.opcodeIndex]]
    made.buffers = [schema.BufferT()]
    graph.tensors = [_copied(model, tensors[i], made, _shape(values, i)) for i in order]
    node.opcodeIndex, node.builtinOptionsType = 0, op.builtinOptionsType
    node.builtinOptions = op.builtinOptions
    node.inputs, node.outputs = [place[int(i)] for i in op.inputs], [place[i] for i in op.outputs]
    graph.operators, graph.inputs, graph.outputs = [node], [place[i] for i in read], node.outputs
    made.subgraphs = [graph]
    return made, read


def _is_computed(model: Any, tensor: Any) -> bool:
    data = model.buffers[tensor.buffer].data
    return not tensor.isVariable and (data is None or len(data) == 0)


def _shape(values: Any, index: int) -> list[int]:
    return [int(n) for n in values._get_tensor_details(index, 0)["shape"]]


def _copied(model: Any, tensor: Any, into: Any, shape: list[int]) -> Any:
    made = schema.TensorT()
    made.name, made.type, made.shape = tensor.name, tensor.type, shape
    made.quantization, made.isVariable, made.hasRank = tensor.quantization, tensor.isVariable, True
    data = model.buffers[tensor.buffer].data
    made.buffer = 0
    if data is not None and len(data):
        made.buffer = len(into.buffers)
        into.buffers.append(schema.BufferT())
        into.buffers[-1].data = np.asarray(data, np.uint8)
    return made


def _kind(model: Any, op: Any) -> str:
    return str(_NAMES[model.operatorCodes[op.opcodeIndex].builtinCode])


def _computes_in(model: Any, op: Any) -> str:
    """int8 where a kernel multiplies or moves such; empty where it only changes the form."""
    if _kind(model, op) in _MOVES:
        return ""
    tensors = model.subgraphs[0].tensors
    types = [tensors[i].type for i in (*op.inputs, *op.outputs) if i >= 0]
    if schema.TensorType.INT16 in types:
        return ""
    return next((_TYPES[t] for t in _TYPES if t in types), "")
