"""Where the bias of a weighted layer stands, and what it takes to move it.

    y = layer(x, w) + b        becomes        y' = layer(x, w) + (b + d),  d per output channel

A convolution or Gemm carries its bias, and takes one where it has none. That of a MatMul is the
constant of the Add behind it; where there is none, an Add for it would cost a pass over memory.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from mcompile.graph import array, constant, is_constant, name_of, sole_user
from mcompile.types import Array

_CARRIES = {"Conv", "Gemm"}


def outlet(node: ir.Node) -> ir.Value | None:
    """The value that the layer's bias has gone into; None where the layer can have no bias."""
    if node.op_type in _CARRIES:
        bias = node.inputs[2] if len(node.inputs) > 2 else None
        return node.outputs[0] if bias is None or _is_movable(bias) else None
    add = sole_user(node.outputs[0]) if node.op_type == "MatMul" else None
    if add is None or add.op_type != "Add" or _constant_of(add) is None:
        return None
    return add.outputs[0]


def channels_last(node: ir.Node, data: Array) -> Array:
    """The layer's output as [positions, channels]; of a convolution the second axis is channels."""
    if node.op_type == "Conv":
        data = np.moveaxis(data, 1, -1)
    return data.reshape(-1, data.shape[-1])


def mean_of(node: ir.Node, data: Array) -> Array:
    """The mean of each channel of the layer's output over all positions, in float64."""
    return np.asarray(channels_last(node, data).mean(axis=0, dtype=np.float64))


def shape_of(node: ir.Node, shift: Array, rank: int) -> Array:
    """The shift of each channel as it is added to the layer's output of that rank."""
    return shift.reshape([-1] + [1] * (rank - 2)) if node.op_type == "Conv" else shift


def move(graph: ir.Graph, shifts: Mapping[str, Array]) -> None:
    """Add each shift to the bias that goes into the value of that name."""
    for node in list(graph):
        shift = shifts.get(node.outputs[0].name or "")
        if shift is None:
            continue
        if node.op_type in _CARRIES:
            _move_own(graph, node, shift)
        elif (index := _constant_of(node)) is not None:
            _put(graph, node, index, shift)


def _move_own(graph: ir.Graph, node: ir.Node, shift: Array) -> None:
    if len(node.inputs) > 2 and node.inputs[2] is not None:
        _put(graph, node, 2, shift)
        return
    added = constant(graph, f"{name_of(node.outputs[0])}.bias", shift.astype(np.float32))
    if len(node.inputs) < 3:
        node.resize_inputs(3)
    node.replace_input_with(2, added)


def _put(graph: ir.Graph, node: ir.Node, index: int, shift: Array) -> None:
    """A constant of the node's own: another layer may read the old one."""
    old = node.inputs[index]
    data = array(old)
    if data is not None:
        moved = (data.astype(np.float64) + shift).astype(np.float32)
        node.replace_input_with(index, constant(graph, name_of(old), moved))


def _constant_of(add: ir.Node) -> int | None:
    """The position of a constant that holds one number for each index of the last axis."""
    for index, value in enumerate(add.inputs):
        if _is_movable(value) and value is not None and value.shape is not None:
            sizes = [d for d in value.shape.dims if isinstance(d, int)]
            if sizes and int(np.prod(sizes)) == sizes[-1]:
                return index
    return None


def _is_movable(value: ir.Value | None) -> bool:
    return is_constant(value) and value is not None and value.dtype == ir.DataType.FLOAT
