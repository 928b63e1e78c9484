"""Numbers in another type."""

from __future__ import annotations

import onnx_ir as ir

from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.lowering import Lowering
from mcompile.backends.litert.steps import Steps
from mcompile.backends.litert.walk import Walk

_KNOWN = {"bool", "int8", "uint8", "int16", "int32", "uint32", "int64", "float32", "float64"}
_NARROW = {"int8": "int32", "uint8": "int32", "int16": "int32", "uint32": "int64"}
_HALVES = {ir.DataType.FLOAT16, ir.DataType.BFLOAT16}


def _cast(walk: Walk, node: ir.Node) -> None:
    """Whole numbers wrap where they do not fit, as the standard's do; reals are cut toward 0."""
    value = node.inputs[0]
    assert value is not None
    walk.in_reals()  # codes are not the numbers that they stand for
    held, steps = walk.held(value), Steps(walk)
    source, made = held.tensor, node.outputs[0]
    dtype = _target(walk, source, made)
    if dtype == source.dtype:
        walk.same(held, held.order)
        return
    out = walk.make(held.order)
    if dtype == "bool":
        _truth(steps, source, out)
    elif source.dtype.startswith("float") and dtype in _NARROW:
        steps.cast(steps.cast(source, _NARROW[dtype]), dtype, out)
    else:
        steps.cast(source, dtype, out)


def _target(walk: Walk, source: Tensor, made: ir.Value) -> str:
    """The type to cast to: halves are computed as float32, so a Cast to them writes nothing."""
    dtype = "unknown"
    if made.dtype is not None:
        dtype = "float32" if made.dtype in _HALVES else str(made.dtype.numpy())
    for name in (source.dtype, dtype):
        if name not in _KNOWN:
            raise walk.place.refused(f"LiteRT's CAST does not know {name}")
    return dtype


def _truth(steps: Steps, source: Tensor, out: Tensor) -> None:
    """Whether a number is not 0; fractions below 1 are."""
    if source.dtype in ("float64", "uint32"):
        source = steps.cast(source, "float32" if source.dtype == "float64" else "int64")
    steps("NOT_EQUAL", source, 0, out=out)


LOWERINGS = {"Cast": Lowering(_cast), "CastLike": Lowering(_cast)}
