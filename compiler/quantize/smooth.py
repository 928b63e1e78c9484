"""Outlier channels of what linear layers read are divided, and their weights multiplied.

    s_c = max|x_c|^alpha / max|w_c|^(1 - alpha)      x' = x / s      w' = diag(s) w

(SmoothQuant, Xiao et al., arXiv:2211.10438.) One scale for the whole activation must reach its
largest channel; where that is several times the others, these are left a few steps. All layers
that read a tensor share its factors. The division goes into whatever makes the tensor where that
is exact: the gain and bias of a norm, the weights of a layer, a constant factor. Elsewhere it is a
Mul of its own, which costs a pass over the tensor.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mcompile.graph import integer, is_constant, name_of, values
from mcompile.quantize.edits import LAYERS
from mcompile.quantize.equalize import Scaled, balanced, finished, migrated
from mcompile.quantize.lanes import Lanes, lanes
from mcompile.quantize.ranges import Ranges
from mcompile.quantize.scaling import Scaling, across, channel_axis
from mcompile.types import Array, Feeds, Program, Scheme

LEAST_RATIO = 4.0


def smooth(
    source: Program,
    ranges: Ranges,
    scheme: Scheme,
    feeds: Sequence[Feeds] = (),
    *,
    alpha: float,
    least_ratio: float = LEAST_RATIO,
    inserting: bool = True,
    threads: int | None = None,
) -> Scaled | None:
    """An equal program whose linear layers read fewer outliers, and its ranges.

    Tensors whose largest channel is below `least_ratio` times the median one stay as they are, and
    without `inserting` those whose division no other op can take in. None where nothing is left.
    """
    scaling = Scaling(source)
    found = lanes(scaling.graph)
    done: set[int] = set()
    for value in list(values(scaling.graph)):
        readers = _readers(value, scheme)
        outliers = _outliers(value, readers, ranges, least_ratio)
        if outliers is None:
            continue
        index = next((k for k, g in enumerate(found) if _takes(g, value, outliers)), None)
        if index is not None and index not in done:
            done.add(index)
            each = found[index]
            scaling.divide(each, balanced(scaling, each, ranges, scheme, alpha))
        elif index is None and inserting:
            _insert(scaling, value, readers, ranges, alpha)
    return finished(source, ranges, scaling, feeds, threads)


def _readers(value: ir.Value, scheme: Scheme) -> list[ir.Node]:
    """The linear layers on integers that read the value."""
    return [n for n in linear(value) if n.op_type in scheme.weighted]


def linear(value: ir.Value) -> list[ir.Node]:
    """The layers that read the value, and whose weight can take a factor for each channel."""
    return [u.node for u in value.uses() if u.idx == 0 and _is_linear(u.node)]


def _is_linear(node: ir.Node) -> bool:
    weight = node.inputs[1] if len(node.inputs) > 1 else None
    if node.op_type not in LAYERS or node.domain or not is_constant(weight):
        return False
    if weight is None or weight.shape is None or weight.dtype != ir.DataType.FLOAT:
        return False
    if node.op_type == "Conv":
        pointwise = all(d == 1 for d in weight.shape.dims[2:])
        return pointwise and integer(node, "group", 1) == 1
    return weight.shape.rank() == 2 and not integer(node, "transA", 0)


def _outliers(
    value: ir.Value, readers: Sequence[ir.Node], ranges: Ranges, least_ratio: float
) -> Array | None:
    """Which channels are outliers; None where there are none."""
    held = _held(value, readers, ranges)
    if held is None:
        return None
    middle = float(np.median(held))
    found = held >= least_ratio * middle
    return found if middle > 0.0 and found.any() else None


def _held(value: ir.Value, readers: Sequence[ir.Node], ranges: Ranges) -> Array | None:
    """The largest magnitude in each channel of what the layers read."""
    if not readers or value.name not in ranges:
        return None
    channels = ranges[name_of(value)].channels.get(channel_axis(readers))
    return None if channels is None else channels.reach().astype(np.float64)


def _takes(found: Lanes, value: ir.Value, outliers: Array) -> bool:
    """Whether all outliers of the value are lanes that can be scaled."""
    ids = found.held.get(value)
    if ids is None or ids.size != outliers.size:
        return False
    return bool(found.free[ids.reshape(-1)[outliers]].all())


def _insert(
    scaling: Scaling,
    value: ir.Value,
    readers: Sequence[ir.Node],
    ranges: Ranges,
    alpha: float,
) -> None:
    held = _held(value, readers, ranges)
    if held is None or value.shape is None:
        return
    shapes = {r: across(r, held.size) for r in readers}
    peaks = [
        np.abs(scaling.data(r, 1)).max(axis=tuple(k for k, n in enumerate(s) if n == 1))
        for r, s in shapes.items()
    ]
    scaling.insert(value, migrated(held, np.max(peaks, axis=0), alpha), readers)
