"""How nodes of a newer operator set that cut, pad, resize and shape are written in an older one.

Newer sets let them be told of some axes alone, or of how many parts. In older ones all is told: as
a constant where it is known, else computed when the model runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import extents
from mcompile.algebra.terms import is_size
from mcompile.opsets import surgery
from mcompile.types import Array


def split(node: ir.Node) -> str:
    """Tell the sizes of the parts; the last is the smaller where they cannot be equal."""
    parts = node.attributes.get_int("num_outputs", 0)
    if not parts:
        return ""
    axis = graph.integer(node, "axis", 0)
    whole = surgery.size(node.inputs[0], axis)
    node.attributes.pop("num_outputs")
    if whole is None:
        surgery.give(node, 1, _sizes(node, parts, axis))
    elif whole % parts:
        each = -(-whole // parts)
        sizes = [max(0, min(each, whole - k * each)) for k in range(parts)]
        surgery.give_constant(node, 1, "split", np.array(sizes, np.int64))
    return ""


def _sizes(node: ir.Node, parts: int, axis: int) -> ir.Value:
    """The sizes of the parts, computed when the model runs."""

    def number(value: int) -> ir.Value:
        return surgery.constant(node, "number", np.array([value], np.int64))

    shape = surgery.before(node, "Shape", [node.inputs[0]])
    whole = surgery.before(node, "Gather", [shape, number(axis)])
    more = surgery.before(node, "Add", [whole, number(parts - 1)])
    each = surgery.before(node, "Div", [more, number(parts)])
    most = surgery.before(node, "Mul", [each, number(parts - 1)])
    rest = surgery.before(node, "Sub", [whole, most])
    return surgery.before(node, "Concat", [*[each] * (parts - 1), rest], axis=0)


def pad_around(node: ir.Node) -> str:
    """Refuse to pad with what is at the other end."""
    wraps = surgery.text(node, "mode", "") == "wrap"
    return "it pads with what is at the other end" if wraps else ""


def pad_of_some(node: ir.Node) -> str:
    """Tell all axes how they are padded."""
    value = surgery.source(node, 3)
    if value is None:
        return ""
    rank, axes = surgery.rank(node.inputs[0]), surgery.known(value)
    if rank is None or axes is None:
        return "the axes that it pads are only known when the model runs"
    at = [a % rank for a in axes]
    none = np.zeros(2 * rank, np.int64)
    _spread(node, 1, none, [*at, *(a + rank for a in at)])
    surgery.drop_input(node, 3)
    return ""


def resize_symmetric(node: ir.Node) -> str:
    """Refuse the coordinates that came with operator set 19."""
    mode = surgery.text(node, "coordinate_transformation_mode", "")
    symmetric = mode == "half_pixel_symmetric"
    return "its coordinates are half_pixel_symmetric" if symmetric else ""


def resize(node: ir.Node) -> str:
    """Tell all axes; refuse to smooth what is shrunk, and to keep a ratio."""
    if graph.integer(node, "antialias", 0):
        return "it smooths what it shrinks (antialias)"
    if surgery.text(node, "keep_aspect_ratio_policy", "stretch") != "stretch":
        return "it keeps the ratio of the sides (keep_aspect_ratio_policy)"
    axes = surgery.ints(node, "axes")
    if axes is not None and (reason := _all_axes(node, axes)):
        return reason
    for name in ("antialias", "keep_aspect_ratio_policy", "axes"):
        node.attributes.pop(name, None)
    return ""


def _all_axes(node: ir.Node, axes: Sequence[int]) -> str:
    """Give a Resize of some axes its scales or sizes for all of them."""
    rank = surgery.rank(node.inputs[0])
    if rank is None or surgery.source(node, 1) is not None:
        return "it is told of some axes alone, and the others are not known"
    at = [a % rank for a in axes]
    if surgery.source(node, 2) is not None:
        _spread(node, 2, np.ones(rank, np.float32), at)
    else:
        _spread(node, 3, surgery.before(node, "Shape", [node.inputs[0]]), at)
    return ""


def _spread(node: ir.Node, index: int, others: Array | ir.Value, at: Sequence[int]) -> None:
    """Make an input that tells of some places tell of all, by what is to be at the others."""
    given = node.inputs[index]
    if (data := graph.array(given)) is not None and not isinstance(others, ir.Value):
        full = others.copy()
        full[list(at)] = data
        surgery.give_constant(node, index, "all", full)
        return
    if not isinstance(others, ir.Value):
        others = surgery.constant(node, "others", others)
    places = surgery.constant(node, "places", np.array(at, np.int64))
    full = surgery.before(node, "ScatterElements", [others, places, given])
    surgery.give(node, index, full)


def reshape(node: ir.Node) -> str:
    """Refuse a shape in which 0 is a size.

    A size that is free is none of these: it is 0 only where the model is given nothing to work on.
    """
    if not graph.integer(node, "allowzero", 0):
        return ""
    asked = extents.entries(node.inputs[1])
    if asked is None or not all(t and (isinstance(t, int) or is_size(t)) for t in asked.terms):
        return "it may make a dimension of no size (allowzero)"
    node.attributes.pop("allowzero")
    return ""


def shape(node: ir.Node) -> str:
    """Take part of a shape by a Slice of the whole."""
    start, end = graph.integer(node, "start", 0), node.attributes.get_int("end")
    for name in ("start", "end"):
        node.attributes.pop(name, None)
    if start or end is not None:
        bounds = (start, np.iinfo(np.int64).max if end is None else end)
        given = [surgery.constant(node, "bound", np.array([b], np.int64)) for b in bounds]
        node.outputs[0].shape = None
        surgery.after(node, "Slice", given)
    return ""
