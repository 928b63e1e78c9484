"""Chooses the scale and zero point of every tensor that is placed on integers, for any scheme.

activation   s = (max - min) / levels, zero inside the range and exact; symmetric: max|x| / top
weight       by output channel or for all (`weights`), raised where its bias would not fit
group        values that one kernel needs at one scale have that of all they hold (`groups`)
fixed        the scale that the runtime's kernel writes, whatever was observed
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

import numpy as np
import onnx_ir as ir

from mcompile.errors import UsageError
from mcompile.graph import array, integer, is_constant, name_of
from mcompile.quantize.edges import bias_of, read
from mcompile.quantize.groups import Ends, Groups
from mcompile.quantize.placement import Placement, place
from mcompile.quantize.ranges import Ranges
from mcompile.quantize.weights import scales
from mcompile.types import Array, Program, QParams, QuantPlan, Scheme
from mcompile.wording import nearest

_LEVELS = {"uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 65535), "int16": (-32768, 32767)}
_SMALLEST = 1e-12
_BELOW = 128 / 127  # eight bits reach that much further below their middle than above
_MEANS, _FINER = {"AveragePool", "GlobalAveragePool", "ReduceMean"}, 128.0
_ROOM = {"int32": 2.0**30, "int64": 2.0**62}


def plan(
    program: Program,
    ranges: Ranges,
    scheme: Scheme,
    clips: Mapping[str, tuple[float, float]] | None = None,
    keep_float: Collection[str] = (),
) -> QuantPlan:
    """Choose a scale and zero point for every tensor the runtime will hold as integers.

    Tensors that leave the graph stay float, but not under a scheme of integers only. A tensor
    without a range is left out, and with it every op that would need it; `QuantPlan.left_float`
    says which and why. `clips` are the ends of the tensors whose integers are not to reach their
    extremes. `keep_float` names nodes, or values that they make, which stay float whatever they
    are; `UsageError` where there is none.
    """
    kept = _named(program.graph.graph, keep_float)
    placed = place(program.graph.graph, scheme, ranges, kept)
    ends = {name_of(v): _ends(v, ranges, clips or {}) for v in placed.values(scheme, ranges)}
    given = {
        name_of(n.outputs[0]): scheme.fixed[n.op_type]
        for n in placed.carried
        if n.op_type in scheme.fixed
    }
    groups = _grouped(placed, scheme, ends, given)
    shared: dict[str, QParams] = {}
    tensors: dict[str, QParams] = {}
    for name in dict.fromkeys(name_of(v) for v in placed.values(scheme, ranges)):
        root, bound = groups.root(name), groups.bound(name)
        if root not in shared:
            known = given[bound.by] if bound.fixed else None
            shared[root] = _params(*known, scheme) if known else _activation(bound.ends, scheme)
        tensors[name] = shared[root]
    _hold_means(placed.values(scheme, ranges), scheme, tensors)
    for node in placed.weighted:
        weight = array(node.inputs[1])
        if weight is not None:
            name, params = name_of(node.inputs[1]), scales(node, weight, scheme)
            needed = _least(node, params, tensors, scheme)
            if name in tensors:  # another layer reads it too
                needed = np.maximum(needed, tensors[name].scale)
            tensors[name] = replace(params, scale=np.maximum(params.scale, needed))
    return QuantPlan(tensors, placed.left)


def _ends(value: ir.Value, ranges: Ranges, clips: Mapping[str, Ends]) -> Ends:
    """What the value held, or the part of it that is to have integers of its own.

    Constant matrices side by side have their zero in the middle, as a weight has.
    """
    data = array(value) if is_constant(value) else None
    if data is not None and data.size:
        low, high = float(data.min()), float(data.max())
        most = max(-low, high)
        return (-most * _BELOW, most) if _multiplies(value) else (low, high)
    if data is not None:
        return 0.0, 0.0
    held = ranges[name_of(value)]
    return clips.get(name_of(value), (held.low, held.high))


def _multiplies(value: ir.Value) -> bool:
    return any(n.op_type == "MatMul" and n.inputs[1] is value for n in value.consumers())


def _grouped(
    placed: Placement,
    scheme: Scheme,
    ends: Mapping[str, Ends],
    given: Mapping[str, tuple[float, int]],
) -> Groups:
    """Values that share a scale; a node whose values cannot is left float, and says so.

    It stays where the runtime rescales what it reads.
    """
    bottom, top = _LEVELS[scheme.activations]
    fixed = {name: ((bottom - z) * s, (top - z) * s) for name, (s, z) in given.items()}
    groups = Groups(ends, fixed, top - bottom)
    for node in [n for n in (*placed.carried, *placed.readers) if n.op_type in scheme.same_scale]:
        inputs = [name_of(v) for v in read(node)]
        outputs = [v.name for v in node.outputs if v.name and v.name in ends]
        reason = groups.join([n for n in inputs if n in ends], outputs)
        if reason and not scheme.rescales:
            placed.leave(node, reason)
    return groups


def _hold_means(values: Iterable[ir.Value], scheme: Scheme, tensors: dict[str, QParams]) -> None:
    """Keep the steps of a mean from being far finer than those of what it is taken of.

    Kernels multiply by the ratio of both, with a Relu behind it or without, and ONNX Runtime's
    refuse 256 and more: so fine a step is that of a mean that was zero on all samples.
    """
    for value in list(values):
        made, source = tensors[name_of(value)], value
        while (node := source.producer()) and node.op_type in _MEANS | scheme.absorbed:
            source = node.inputs[0] or source
            if source.name in tensors:
                break
        least = np.float32(tensors.get(source.name or "", made).scale / _FINER)
        if made.scale < least:
            coarser = replace(made, scale=np.asarray(least))
            tensors.update({n: coarser for n, p in tensors.items() if p is made})


def _named(graph: ir.Graph, names: Collection[str]) -> frozenset[ir.Node]:
    """The nodes of those names, or that make the values of those names."""
    known: dict[str, list[ir.Node]] = {}
    for node in graph:
        for name in {node.name, *(v.name for v in node.outputs)} - {None, ""}:
            known.setdefault(str(name), []).append(node)
    for name in names:
        if name not in known:
            raise UsageError(
                f"no node of the optimized model is named {name}, and none makes it",
                where="--keep-float",
                fix=_near(name, known),
            )
    return frozenset(node for name in names for node in known[name])


def _near(name: str, known: Collection[str]) -> str:
    """The nearest names; of a model with hundreds that are all far, the command that lists them."""
    near = nearest(name, known)
    return near if len(near) < 200 else "`mcompile optimize MODEL -o FILE` writes the nodes it has"


def _activation(ends: Ends, scheme: Scheme) -> QParams:
    """Scale and zero point so that zero is exact: padding and ReLU rely on it."""
    low, high = min(ends[0], 0.0), max(ends[1], 0.0)
    bottom, top = _LEVELS[scheme.activations]
    if scheme.symmetric_activations:
        return _params(max(-low, high) / top, 0, scheme)
    scale = float(np.float32(max((high - low) / (top - bottom), _SMALLEST)))
    return _params(scale, int(np.clip(round(bottom - low / scale), bottom, top)), scheme)


def _params(scale: float, zero: int, scheme: Scheme) -> QParams:
    kind = scheme.activations
    return QParams(np.asarray(np.float32(max(scale, _SMALLEST))), np.asarray(zero, kind), kind)


def _least(node: ir.Node, weight: QParams, tensors: Mapping[str, QParams], scheme: Scheme) -> Array:
    """The weight scale below which the bias would not fit its type (a channel of zeros)."""
    bias, room = _bias(node, scheme), _ROOM.get(scheme.bias)
    if bias is None or room is None:
        return np.zeros((), np.float32)
    needed = np.abs(bias) / (tensors[name_of(node.inputs[0])].scale * np.float32(room))
    if not weight.scale.ndim:
        needed = needed.max()
    elif node.op_type == "ConvTranspose":
        needed = needed.reshape(integer(node, "group", 1), -1).max(axis=0)
    return np.asarray(needed, np.float32)


def _bias(node: ir.Node, scheme: Scheme) -> Array | None:
    """The bias of each output channel, where it is to be an integer."""
    behind = bias_of(node) if scheme.integer_only else None
    if behind is not None:
        found = array(behind[0].inputs[behind[1]])
        return None if found is None else found.reshape(-1)
    bias = array(node.inputs[2]) if len(node.inputs) > 2 else None
    return bias if bias is not None and bias.ndim == 1 else None
