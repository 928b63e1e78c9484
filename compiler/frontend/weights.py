"""Weights that are not numbers make every output not a number: they are found before anything."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import onnx_ir as ir

from mcompile.errors import SourceError
from mcompile.types import Array, Program

_CHUNK = 1 << 22
_FLOATS = {"FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16"}
_WEIGHTED = re.compile(
    r"Conv|ConvTranspose|Gemm|MatMul|Einsum|LSTM|GRU|RNN|PRelu"
    r"|(Batch|Instance|Layer|Group|RMS)Normalization"
)


def check_finite(program: Program) -> None:
    """Raise `SourceError` naming the first weight with NaN in it, or with infinity.

    Infinity is an error in the parameters of a layer alone: a mask or a limit may hold it. So is a
    single NaN, which stands for what is missing or left out.
    Every weight is read once, in pieces; one that lies on disk is not mapped for it.
    """
    for scope in (program.graph.graph, *program.graph.graph.subgraphs()):
        for value in scope.initializers.values():
            tensor = value.const_value
            if tensor is None or tensor.dtype.name not in _FLOATS:
                continue
            layer = next((n.op_type for n, _ in value.uses() if _WEIGHTED.fullmatch(n.op_type)), "")
            for piece in _pieces(tensor):
                _check(piece, value, layer, program.name)


def _check(piece: Array, value: ir.Value, layer: str, label: str) -> None:
    # The minimum and maximum carry NaN along, and need no copy of the piece.
    ends = (float(piece.min()), float(piece.max()))
    filler = not layer and value.const_value is not None and value.const_value.size == 1
    nan, infinite = any(np.isnan(ends)) and not filler, any(np.isinf(ends))
    if nan or (infinite and layer):
        raise SourceError(
            f"a weight holds {'NaN' if nan else 'infinity'}",
            where=f"{label}, tensor {value.name}" + (f" of a {layer}" if layer else ""),
            fix="an earlier checkpoint: the training has diverged, or the file is damaged",
        )


def _pieces(tensor: ir.TensorProtocol) -> Iterator[Array]:
    if tensor.size == 0:
        return
    if not isinstance(tensor, ir.ExternalTensor):
        flat = tensor.numpy().reshape(-1)
        yield from (flat[i : i + _CHUNK] for i in range(0, flat.size, _CHUNK))
        return
    dtype = tensor.dtype.numpy().newbyteorder("<")
    with open(tensor.path, "rb") as file:
        file.seek(tensor.offset or 0)
        for start in range(0, tensor.size, _CHUNK):
            data = file.read(min(_CHUNK, tensor.size - start) * dtype.itemsize)
            yield np.frombuffer(data, dtype)
