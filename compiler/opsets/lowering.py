"""How a node of a newer operator set is written in an older one, where relabelling is not enough.

Each move is made where its version is crossed. A move that cannot be made leaves the node as it
is and says why, in words; the node may then still be written out as the ops it stands for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.opsets import lowering_shapes, surgery
from mcompile.opsets.raising import REDUCTIONS, Move


def _axes_to_attribute(node: ir.Node) -> str:
    value = surgery.source(node, 1)
    axes = surgery.known(value) if value is not None else []
    if axes is None:
        return "its axes are only known when the model runs"
    if not axes and graph.integer(node, "noop_with_empty_axes", 0):
        return "it reduces over nothing (noop_with_empty_axes)"
    node.attributes.pop("noop_with_empty_axes", None)
    surgery.drop_input(node, 1)
    if axes:
        node.attributes["axes"] = ir.AttrInt64s("axes", axes)
    return ""


def _is(node: ir.Node, name: str, value: str) -> bool:
    return surgery.text(node, name, "") == value


_TINY = {"FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ"}


def _cast_rounding(node: ir.Node) -> str:
    node.attributes.pop("round_mode", None)  # asked for a type alone that older sets do not have
    return ""


def _cast(node: ir.Node) -> str:
    """Whether it saturates is asked for the floats of 8 bits alone."""
    target = node.outputs[0].dtype
    if "to" in node.attributes:
        target = ir.DataType(graph.integer(node, "to", 0))
    if target is None or target.name in _TINY:
        return "it may make a float of 8 bits"
    node.attributes.pop("saturate", None)
    return ""


def _norm(node: ir.Node) -> str:
    return "it is in training mode" if graph.integer(node, "training_mode", 0) else ""


def _roi_align(node: ir.Node) -> str:
    if not _is(node, "coordinate_transformation_mode", "output_half_pixel"):
        return "it moves its regions by half a pixel"
    node.attributes.pop("coordinate_transformation_mode")
    return ""


def _grid_sample(node: ir.Node) -> str:
    names = {"linear": "bilinear", "cubic": "bicubic"}
    mode = surgery.text(node, "mode", "linear")
    if surgery.rank(node.inputs[0]) != 4:
        return "it does not sample an image (four dimensions)"
    node.attributes["mode"] = ir.AttrString("mode", names.get(mode, mode))
    return ""


def _dft(node: ir.Node) -> str:
    value = surgery.source(node, 2)
    axis = surgery.known(value) if value is not None else [-2]
    if axis is None:
        return "its axis is only known when the model runs"
    surgery.drop_input(node, 2)
    node.attributes["axis"] = ir.AttrInt64("axis", axis[0])
    return ""


def _quantize_type(node: ir.Node) -> str:
    """What type it makes is said by a zero point alone."""
    found = graph.integer(node, "output_dtype", 0)
    if found and surgery.source(node, 2) is None:
        scale = graph.dims(node.inputs[1]) if node.inputs[1] is not None else None
        if scale is None or any(isinstance(d, str) for d in scale):
            return "the shape of its scale is not known"
        dtype = ir.DataType(found)
        if dtype.name not in {"UINT8", "INT8", "UINT16", "INT16"}:
            return f"it makes {dtype.name.lower()}"
        zero = np.zeros([d for d in scale if isinstance(d, int)], dtype.numpy())
        surgery.give_constant(node, 2, "zero_point", zero)
    node.attributes.pop("output_dtype", None)
    return ""


def _quantize_precision(node: ir.Node) -> str:
    return _of_scale(node, "precision")


def _dequantize_type(node: ir.Node) -> str:
    return _of_scale(node, "output_dtype")


def _of_scale(node: ir.Node, name: str) -> str:
    """A type that was free to choose is that of the scale in older versions."""
    found, scale = graph.integer(node, name, 0), node.inputs[1]
    if found and (scale is None or scale.dtype != ir.DataType(found)):
        return f"its {name} is not that of its scale"
    node.attributes.pop(name, None)
    return ""


def _dilations(node: ir.Node) -> str:
    if any(d != 1 for d in surgery.ints(node, "dilations") or ()):
        return "it is dilated"
    node.attributes.pop("dilations", None)
    return ""


MOVES: Mapping[str, Sequence[tuple[int, Move]]] = {
    **{f"Reduce{kind}": ((18, _axes_to_attribute),) for kind in REDUCTIONS},
    "AveragePool": ((19, _dilations),),
    "BatchNormalization": ((14, _norm),),
    "Cast": ((24, _cast_rounding), (19, _cast)),
    "CastLike": ((24, _cast_rounding), (19, _cast)),
    "DFT": ((20, _dft),),
    "DequantizeLinear": ((23, _dequantize_type),),
    "GridSample": ((20, _grid_sample),),
    "LpPool": ((18, _dilations),),
    "Pad": ((19, lowering_shapes.pad_around), (18, lowering_shapes.pad_of_some)),
    "QuantizeLinear": ((23, _quantize_precision), (21, _quantize_type)),
    "Reshape": ((14, lowering_shapes.reshape),),
    "Resize": ((19, lowering_shapes.resize_symmetric), (18, lowering_shapes.resize)),
    "RoiAlign": ((16, _roi_align),),
    "Shape": ((15, lowering_shapes.shape),),
    "Split": ((18, lowering_shapes.split),),
}
"""What is to be done for an op where the version is crossed downwards, newest first."""
