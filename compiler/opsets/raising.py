"""How a node of an older operator set is written in a newer one, where relabelling is not enough.

Each move is made where its version is crossed. A move that cannot be made says why, in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.opsets import surgery

Move = Callable[[ir.Node], str]
"""Rewrites a node, or leaves it as it is and says why it cannot be rewritten."""

REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare")


def _to_input(node: ir.Node, name: str, index: int = 1) -> str:
    """A list of integers becomes an input; an empty list is one that is left out."""
    given = surgery.ints(node, name)
    node.attributes.pop(name, None)
    if given:
        surgery.give_constant(node, index, name, np.array(given, np.int64))
    return ""


def _softmax(node: ir.Node) -> str:
    """Up to 12 the input is flattened at `axis` into a matrix, and its rows are taken."""
    value = node.inputs[0]
    rank, axis = surgery.rank(value), graph.integer(node, "axis", 1)
    node.attributes["axis"] = ir.AttrInt64("axis", -1)
    if axis != -1 and (rank is None or axis % max(rank, 1) != rank - 1):
        shape = surgery.before(node, "Shape", [value])
        surgery.give(node, 0, surgery.before(node, "Flatten", [value], axis=axis))
        node.outputs[0].shape = None
        surgery.after(node, "Reshape", [shape])
    return ""


def _clip(node: ir.Node) -> str:
    dtype = node.inputs[0].dtype if node.inputs[0] is not None else None
    bounds = [(i, name, node.attributes.get_float(name)) for i, name in ((1, "min"), (2, "max"))]
    if any(b is not None for _, _, b in bounds) and dtype is None:
        return "the type of its input is not known"
    for index, name, bound in bounds:
        node.attributes.pop(name, None)
        if bound is not None and dtype is not None:
            surgery.give_constant(node, index, name, np.array(bound, dtype.numpy()))
    return ""


def _dropout(node: ir.Node) -> str:
    """Without training it hands its input on, whatever the ratio."""
    if len(node.outputs) > 1 and node.outputs[1].uses():
        return "its mask is read"
    node.attributes.pop("ratio", None)
    return ""


def _pad(node: ir.Node) -> str:
    dtype = node.inputs[0].dtype if node.inputs[0] is not None else None
    fill = node.attributes.get_float("value", 0.0)
    if fill and dtype is None:
        return "the type of its input is not known"
    node.attributes.pop("value", None)
    _to_input(node, "pads")
    if fill and dtype is not None:
        surgery.give_constant(node, 2, "value", np.array(fill, dtype.numpy()))
    return ""


def _slice(node: ir.Node) -> str:
    for index, name in enumerate(("starts", "ends", "axes"), 1):
        _to_input(node, name, index)
    return ""


def _topk(node: ir.Node) -> str:
    many = graph.integer(node, "k", 1)
    node.attributes.pop("k", None)
    surgery.give_constant(node, 1, "k", np.array([many], np.int64))
    return ""


def _norm_of_all(node: ir.Node) -> str:
    if graph.integer(node, "spatial", 1) != 1:
        return "it has statistics for each activation (spatial=0)"
    node.attributes.pop("spatial", None)
    return ""


def _norm_in_training(node: ir.Node) -> str:
    return "it is in training mode" if sum(bool(v.name) for v in node.outputs) > 1 else ""


def _scales(node: ir.Node) -> str:
    found = node.attributes.get_floats("scales", [])
    node.attributes.pop("scales", None)
    surgery.give_constant(node, 1, "scales", np.array(found, np.float32))
    return ""


def _upsample(node: ir.Node) -> str:
    node.op_type = "Resize"
    return ""


def _resize(node: ir.Node) -> str:
    """Up to 10 coordinates are only scaled, and the nearest is the one below."""
    surgery.give(node, 2, node.inputs[1])
    node.replace_input_with(1, None)
    how = ir.AttrString("coordinate_transformation_mode", "asymmetric")
    node.attributes[how.name] = how
    node.attributes["nearest_mode"] = ir.AttrString("nearest_mode", "floor")
    return ""


def _resize_unsaid(node: ir.Node) -> str:
    """Up to 12 an input that is not meant had to be there, and empty."""
    for index in range(1, len(node.inputs)):
        if surgery.size(node.inputs[index], 0) == 0:
            node.replace_input_with(index, None)
    if surgery.text(node, "coordinate_transformation_mode", "half_pixel").startswith("tf_half"):
        return "its coordinates (tf_half_pixel_for_nn) were given up"
    return ""


def _scatter(node: ir.Node) -> str:
    node.op_type = "ScatterElements"
    return ""


def _roi_align(node: ir.Node) -> str:
    how = ir.AttrString("coordinate_transformation_mode", "output_half_pixel")
    node.attributes[how.name] = how
    return ""


def _split(node: ir.Node) -> str:
    if surgery.source(node, 1) is None:
        node.attributes["num_outputs"] = ir.AttrInt64("num_outputs", len(node.outputs))
    return ""


def _dft(node: ir.Node) -> str:
    axis = graph.integer(node, "axis", 1)
    node.attributes.pop("axis", None)
    surgery.give_constant(node, 2, "axis", np.array(axis, np.int64))
    return ""


def _grid_sample(node: ir.Node) -> str:
    names = {"bilinear": "linear", "bicubic": "cubic"}
    mode = surgery.text(node, "mode", "bilinear")
    node.attributes["mode"] = ir.AttrString("mode", names.get(mode, mode))
    return ""


def _group_norm(node: ir.Node) -> str:
    """Up to 20 scale and bias are one number a group, from 21 on one a channel."""
    groups = graph.integer(node, "num_groups", 1)
    channels = surgery.size(node.inputs[0], 1)
    if channels is None:
        return "the number of channels is not known"
    for index in (1, 2):
        column = surgery.constant(node, "column", np.array([groups, 1], np.int64))
        spread = surgery.constant(node, "spread", np.array([groups, channels // groups], np.int64))
        row = surgery.constant(node, "row", np.array([-1], np.int64))
        value = surgery.before(node, "Reshape", [node.inputs[index], column])
        value = surgery.before(node, "Expand", [value, spread])
        surgery.give(node, index, surgery.before(node, "Reshape", [value, row]))
    return ""


_AXES = partial(_to_input, name="axes")

MOVES: Mapping[str, Sequence[tuple[int, Move]]] = {
    **{f"Reduce{kind}": ((18, _AXES),) for kind in REDUCTIONS},
    **dict.fromkeys(("ReduceSum", "Squeeze", "Unsqueeze"), ((13, _AXES),)),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), ((13, _softmax),)),
    "BatchNormalization": ((9, _norm_of_all), (14, _norm_in_training)),
    "Clip": ((11, _clip),),
    "DFT": ((20, _dft),),
    "Dropout": ((12, _dropout),),
    "GridSample": ((20, _grid_sample),),
    "GroupNormalization": ((21, _group_norm),),
    "Pad": ((11, _pad),),
    "Resize": ((11, _resize), (13, _resize_unsaid)),
    "RoiAlign": ((16, _roi_align),),
    "Scatter": ((11, _scatter),),
    "Slice": ((10, _slice),),
    "Split": ((13, partial(_to_input, name="split")), (18, _split)),
    "TopK": ((10, _topk),),
    "Upsample": ((9, _scales), (10, _upsample)),
}
"""What is to be done for an op where the version is crossed upwards, oldest first."""
