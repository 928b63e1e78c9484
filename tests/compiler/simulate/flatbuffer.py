"""One op as a TensorFlow Lite flatbuffer, and what LiteRT's kernels make of it."""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

_TYPES = {
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int16": schema.TensorType.INT16,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
    "float32": schema.TensorType.FLOAT32,
}


def one_op(op, options, reads, out, shape, *, version=1):
    """The model's bytes. `reads` are `Given`s or plain constants; `shape` is that of the output.

    `op` is the name of a builtin operator; `options` an object of the schema, or None.
    """
    model = schema.ModelT()
    model.version = 3
    model.description = op
    model.buffers = [schema.BufferT()]
    tensors = [_tensor(model, index, one) for index, one in enumerate(reads)]
    made = schema.TensorT()
    made.name, made.shape, made.type, made.buffer = "y", list(shape), _TYPES[out.dtype], 0
    made.quantization = _quantization(np.float32(out.scale), out.zero, None)
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, op)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = version
    node = schema.OperatorT()
    node.opcodeIndex, node.inputs, node.outputs = 0, list(range(len(reads))), [len(reads)]
    if options is not None:
        kind = type(options).__name__.removesuffix("T")
        node.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        node.builtinOptions = options
    body = schema.SubGraphT()
    body.tensors, body.operators = [*tensors, made], [node]
    body.inputs = [k for k, one in enumerate(reads) if not getattr(one, "constant", True)]
    body.outputs = [len(reads)]
    model.subgraphs, model.operatorCodes = [body], [code]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def run(model, feeds, *, reference=True):
    """The output of the reference kernels, or of XNNPACK."""
    kind = OpResolverType.BUILTIN_REF if reference else OpResolverType.BUILTIN
    interpreter = Interpreter(
        model_content=model, experimental_op_resolver_type=kind, num_threads=1
    )
    interpreter.allocate_tensors()
    for port, data in zip(interpreter.get_input_details(), feeds, strict=True):
        interpreter.set_tensor(port["index"], data)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def _tensor(model, index, one):
    data = np.ascontiguousarray(getattr(one, "codes", one))
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = f"x{index}", list(data.shape), 0
    tensor.type = _TYPES[data.dtype.name]
    if getattr(one, "constant", True):
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data.tobytes(), np.uint8)
        model.buffers.append(buffer)
        tensor.buffer = len(model.buffers) - 1
    if hasattr(one, "scale"):
        tensor.quantization = _quantization(one.vector, one.zero, one.axis)
    return tensor


def _quantization(scale, zero, axis):
    found = schema.QuantizationParametersT()
    scale = np.atleast_1d(scale)
    found.scale = scale.astype(np.float32)
    found.zeroPoint = np.full(scale.shape, zero, np.int64)
    found.quantizedDimension = axis or 0
    return found
