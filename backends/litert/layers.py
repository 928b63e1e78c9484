"""The versions of operators with weights, by the types of what they read.

Of a float layer with int8 weights (`hybrid`), of int8 and of int16 activations.
"""

from __future__ import annotations

from mcompile.backends.litert.draft import Op, Tensor


def type_of(op: Op, index: int) -> str:
    """The type of an input; empty where it is left out."""
    found = op.inputs[index] if index < len(op.inputs) else None
    return found.dtype if found is not None else ""


def is_by_channel(tensor: Tensor | None) -> bool:
    """Whether a tensor has a scale for each channel."""
    return tensor is not None and tensor.quant is not None and len(tensor.quant.scale) > 1


def _is_hybrid(op: Op) -> bool:
    return type_of(op, 0) == "float32" and type_of(op, 1) == "int8"


def conv(op: Op) -> int:
    """The version of a CONV_2D."""
    source, weights = op.inputs[0], op.inputs[1]
    if source is not None and weights is not None and source.shape[-1] != weights.shape[-1]:
        return 6
    if _is_hybrid(op):
        return 5 if is_by_channel(weights) else 2
    return {"int8": 3, "int16": 4}.get(type_of(op, 0), 1)


def depthwise(op: Op) -> int:
    """The version of a DEPTHWISE_CONV_2D."""
    if _is_hybrid(op):
        return 6 if is_by_channel(op.inputs[1]) else 4
    spread = op.fields.get("dilationWFactor", 1) != 1 or op.fields.get("dilationHFactor", 1) != 1
    return {"int8": 3, "int16": 5}.get(type_of(op, 0), 2 if spread else 1)


def connected(op: Op) -> int:
    """The version of a FULLY_CONNECTED."""
    if _is_hybrid(op) and is_by_channel(op.inputs[1]):
        return 12
    if type_of(op, 0) == "int16":
        return 7
    if len(op.inputs) == 2:
        return 6
    if op.fields.get("keepNumDims"):
        return 5
    return 3 if _is_hybrid(op) else {"int8": 4}.get(type_of(op, 0), 1)


def transposed(op: Op) -> int:
    """The version of a TRANSPOSE_CONV."""
    if op.fields.get("fusedActivationFunction"):
        return 4
    if len(op.inputs) > 3 and op.inputs[3] is not None:
        return 3
    return 2 if type_of(op, 1) == "int8" else 1
