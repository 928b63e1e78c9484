"""Older operator sets raised to one that per-channel quantization can use."""

from __future__ import annotations

import onnx
import onnx_ir as ir

from mcompile import graph
from mcompile.types import Program

PER_AXIS = 13
"""The first operator set whose DequantizeLinear has an axis."""

_LARGEST = 1 << 30
_RESIZED_ANEW = 11


def raised(source: Program) -> Program | None:
    """The program at operator set 13, or None where it is there already or cannot be raised.

    What comes back must be held against the source: the standard's converter gives a Resize that
    was written before operator set 11 the coordinates of a later one. Those are set right here.
    """
    before = graph.opset(source)
    tensors = [v.const_value for v in source.graph.graph.initializers.values()]
    heavy = sum(t.nbytes for t in tensors if t is not None) > _LARGEST
    if not before or before >= PER_AXIS or heavy or source.graph.functions:
        return None
    try:
        held = source.graph.clone()
        ir.external_data.load_to_model(held)
        held.ir_version = max(held.ir_version or 0, 7)
        proto = onnx.version_converter.convert_version(ir.to_proto(held), PER_AXIS)
    except Exception:  # the converter raises its own classes, and RuntimeError
        return None
    if before < _RESIZED_ANEW:
        for node in (n for n in proto.graph.node if n.op_type == "Resize"):
            named = {a.name for a in node.attribute}
            if "coordinate_transformation_mode" not in named:
                asymmetric = onnx.helper.make_attribute(
                    "coordinate_transformation_mode", "asymmetric"
                )
                node.attribute.append(asymmetric)
            if "nearest_mode" not in named:
                node.attribute.append(onnx.helper.make_attribute("nearest_mode", "floor"))
    made = graph.program(source.name, ir.from_proto(proto))
    graph.infer_shapes(made)
    return made
