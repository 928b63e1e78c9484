"""What a `.tflite` file holds, read back: its operators, with types, shapes and options."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from mcompile.errors import ContractError

_FEW = 3
"""Kinds of operators that are named one by one."""


@dataclass(frozen=True)
class Seen:
    """A tensor of the file; a size that the caller may change counts as 1."""

    index: int
    dtype: str
    shape: tuple[int, ...]
    constant: bool

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Listed:
    """An operator of the file; `inputs` has None where one is left out."""

    kind: str
    version: int
    inputs: tuple[Seen | None, ...]
    outputs: tuple[Seen, ...]
    fields: Mapping[str, Any]

    def input(self, index: int) -> Seen | None:
        """The input at that place, None where there is none."""
        return self.inputs[index] if index < len(self.inputs) else None

    @property
    def computed(self) -> tuple[Seen, ...]:
        """The inputs that are known only when the model runs."""
        return tuple(t for t in self.inputs if t is not None and not t.constant)

    @property
    def unpacks(self) -> bool:
        """Whether it makes reals of a constant: what it makes is a constant to every delegate."""
        return self.kind == "DEQUANTIZE" and not self.computed

    @property
    def is_float(self) -> bool:
        """Whether it computes on floats; what makes integers of floats, or floats, does not."""
        if self.kind in ("QUANTIZE", "DEQUANTIZE", "CAST"):
            return False
        return any(t.dtype.startswith("float") for t in (*self.computed, *self.outputs))


def listed(data: bytes) -> tuple[Listed, ...]:
    """The operators of the file's main graph in the order they run.

    Raises `ContractError` where the bytes are no such file.
    """
    try:
        model = schema.Model.GetRootAs(data, 0)
        graph = model.Subgraphs(0)
        tensors = [_seen(model, graph.Tensors(i), i) for i in range(graph.TensorsLength())]
        found = []
        for index in range(graph.OperatorsLength()):
            found.append(_operator(model, graph.Operators(index), tensors))
            if found[-1].unpacks:
                made = found[-1].outputs[0]
                tensors[made.index] = replace(made, constant=True)
        return tuple(found)
    # A damaged flatbuffer shows as whatever reading at a wrong place raises.
    except Exception as error:
        raise ContractError(
            f"cannot be read as a .tflite file: {error}",
            where="model.tflite",
            fix="copy or build the artifact again",
        ) from error


def counted(ops: Sequence[Listed], *, on_integers: bool) -> str:
    """The operators of a file in numbers: all, those in float where it is on integers, TRANSPOSEs.

    What only unpacks a constant is none.
    """
    found = [op for op in ops if not op.unpacks]
    told = [_number(len(found), "operator")]
    if on_integers:
        kinds = Counter(op.kind for op in found if op.is_float)
        named = ", ".join(kind if n == 1 else f"{n} {kind}" for kind, n in kinds.most_common(_FEW))
        more = ", ..." if len(kinds) > _FEW else ""
        told.append(f"{kinds.total()} in float" + (f" ({named}{more})" if kinds else ""))
    told.append(_number(sum(op.kind == "TRANSPOSE" for op in found), "TRANSPOSE"))
    return ", ".join(told)


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def macs(op: Listed) -> int:
    """Multiply-accumulates of one run of the operator; 0 for what multiplies no matrices."""
    weights, made = op.input(1), op.outputs[0].elements
    read = op.input(2 if op.kind == "TRANSPOSE_CONV" else 0)
    if weights is None or read is None or not weights.shape:
        return 0
    width = read.shape[-2 if op.fields.get("adjX") else -1] if len(read.shape) > 1 else 1
    rows = math.prod(read.shape[:-1])
    found: Mapping[str, int] = {
        "BATCH_MATMUL": made * width,
        "CONV_2D": made * math.prod(weights.shape[1:]),
        "DEPTHWISE_CONV_2D": made * math.prod(weights.shape[1:3]),
        "FULLY_CONNECTED": made * weights.shape[-1],
        "TRANSPOSE_CONV": read.elements * math.prod(weights.shape[:3]),
        "UNIDIRECTIONAL_SEQUENCE_LSTM": rows * _matrices(op),
    }
    return found.get(op.kind, 0)


def _matrices(op: Listed) -> int:
    constants = (t for t in op.inputs[1:] if t is not None and t.constant)
    return sum(t.elements for t in constants if len(t.shape) == 2)


def _seen(model: Any, tensor: Any, index: int) -> Seen:
    buffer = model.Buffers(tensor.Buffer()) if tensor.Buffer() else None
    constant = buffer is not None and buffer.DataLength() > 0
    shape = tuple(int(tensor.Shape(i)) for i in range(tensor.ShapeLength()))
    return Seen(index, _TYPES[tensor.Type()], shape, constant)


def _operator(model: Any, op: Any, tensors: list[Seen]) -> Listed:
    code = model.OperatorCodes(op.OpcodeIndex())
    kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    places = [op.Inputs(i) for i in range(op.InputsLength())]
    options = schema.BuiltinOptionsCreator(op.BuiltinOptionsType(), op.BuiltinOptions())
    return Listed(
        _KINDS[kind],
        code.Version(),
        tuple(tensors[i] if i >= 0 else None for i in places),
        tuple(tensors[op.Outputs(i)] for i in range(op.OutputsLength())),
        vars(options) if options is not None else {},
    )


def _names(enum: type) -> dict[int, str]:
    return {v: k for k, v in vars(enum).items() if not k.startswith("_")}


_KINDS = _names(schema.BuiltinOperator)
_TYPES = {value: name.lower() for value, name in _names(schema.TensorType).items()}
