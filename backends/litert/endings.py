"""What one operator takes in of the nodes behind it: a bias, an activation.

MatMul -> Add(constant) -> Relu   is one FULLY_CONNECTED
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.lowering import Lowering
from mcompile.backends.litert.pairs import code_of, quant_of, quantizers

_CODES = {"NONE": 0, "RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}
_FUSED = {(0.0, math.inf): "RELU", (0.0, 6.0): "RELU6", (-1.0, 1.0): "RELU_N1_TO_1"}


@dataclass(frozen=True)
class Ending:
    """The nodes that become part of another, the activation among them, and what they hand on."""

    nodes: tuple[ir.Node, ...] = ()
    activation: str = "NONE"
    bias: ir.Value | None = None
    value: ir.Value | None = None

    @property
    def code(self) -> int:
        """The activation as the schema's `ActivationFunctionType` counts it."""
        return _CODES[self.activation]


def ending(node: ir.Node, lowering: Lowering) -> Ending:
    """What of the nodes behind `node` its operator computes along with it."""
    if not lowering.fuses:
        return Ending()
    able = lowering.may_fuse(node)
    nodes: list[ir.Node] = []
    bias = _bias(node) if able else None
    if bias is not None:
        nodes.append(bias[0])
    last = (nodes or [node])[-1].outputs[0]
    user = graph.sole_user(last)
    activation = _activation(user) if user is not None else ""
    if not able and activation != "NONE":
        activation = ""
    if user is not None and activation:
        nodes.append(user)
    value = nodes[-1].outputs[0] if nodes else None
    return Ending(tuple(nodes), activation or "NONE", bias[1] if bias else None, value)


def _bias(node: ir.Node) -> tuple[ir.Node, ir.Value] | None:
    """The Add behind a MatMul with a constant that adds one constant to each column."""
    add = graph.sole_user(node.outputs[0]) if node.op_type == "MatMul" else None
    if add is None or add.op_type != "Add" or add.domain or stored_shape(node.inputs[1]) is None:
        return None
    columns = (stored_shape(node.inputs[1]) or (0,))[-1:]
    for value in add.inputs:
        shape = stored_shape(value)
        if value is not None and shape and shape[-1:] == columns and math.prod(shape) == shape[-1]:
            return add, value
    return None


def stored_shape(value: ir.Value | None) -> tuple[int, ...] | None:
    """The shape of a constant, quantized or not; None for what is computed."""
    code = code_of(value) if value is not None else None
    data = graph.array(value if code is None else code)
    return None if data is None else data.shape


def _activation(node: ir.Node) -> str:
    """The name of a fused activation, '' where the node is none that operators have."""
    if node.domain or node.op_type not in ("Relu", "Clip"):
        return ""
    low, high = (0.0, math.inf) if node.op_type == "Relu" else ends(node)
    if (low, high) in _FUSED:
        return _FUSED[low, high]
    return "NONE" if _is_the_grid(node, low, high) else ""


def ends(node: ir.Node) -> tuple[float, float]:
    """The ends of a Clip; NaN for one that is computed."""
    found = []
    for index, name, without in ((1, "min", -math.inf), (2, "max", math.inf)):
        value = node.inputs[index] if len(node.inputs) > index else None
        data = graph.array(value)
        if value is None:
            found.append(node.attributes.get_float(name, without))
        else:
            found.append(float(data.reshape(-1)[0]) if data is not None else math.nan)
    return found[0], found[1]


def _is_the_grid(node: ir.Node, low: float, high: float) -> bool:
    """Whether the ends of the integers behind the node cut no later than the node itself does."""
    found = quantizers(node.outputs[0])
    quant = quant_of(found[0]) if found else None
    code = found[0].outputs[0].dtype if found else None
    if quant is None or code is None:
        return False
    scale, zero, limits = quant.scale[0], quant.zero_point[0], np.iinfo(code.numpy())
    least, most = (limits.min - zero) * scale, (limits.max - zero) * scale
    return low <= least + scale / 2 and high >= most - scale / 2
