"""Decides which tensors become integers, from the scheme alone.

A weighted node with a constant weight runs on integers. Its activation is quantized where it
reads; its output only when its kernel demands it (`closed`), after the activation that it absorbs.
A carried node (a residual Add, a pool) joins when everything it reads is an integer anyway and
someone who reads it is one: the largest such set, found by striking out until nothing changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import onnx_ir as ir

from mcompile.errors import UsageError
from mcompile.graph import array, is_constant, name_of, sole_user
from mcompile.quantize.ranges import Ranges
from mcompile.quantize.weights import scales
from mcompile.types import Program, QParams, QuantPlan, Scheme
from mcompile.wording import nearest

_LEVELS = {"uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 65535), "int16": (-32768, 32767)}
REQUESTED = "kept float by request"


def plan(
    program: Program,
    ranges: Ranges,
    scheme: Scheme,
    clips: Mapping[str, tuple[float, float]] | None = None,
    keep_float: Collection[str] = (),
) -> QuantPlan:
    """Choose a scale and zero point for every tensor the runtime will hold as integers.

    Tensors that leave the graph stay float. A tensor without a range is left out, and with it
    every op that would need it; `QuantPlan.left_float` says which and why. `clips` are the ends
    of the tensors whose integers are not to reach their extremes. `keep_float` names nodes, or
    values that they make, which stay float whatever they are; `UsageError` where there is none.
    """
    kept = _named(program.graph.graph, keep_float)
    placed = _Placement(scheme, ranges, kept).over(program.graph.graph)
    tensors: dict[str, QParams] = {}
    for value in placed.values:
        held = ranges[name_of(value)]
        ends = (clips or {}).get(name_of(value), (held.low, held.high))
        tensors[name_of(value)] = _activation(ends, scheme)
    _share_scales(placed.carried, scheme, tensors)
    for node in placed.weighted:
        weight = array(node.inputs[1])
        if weight is not None:
            params = scales(node, weight, scheme)
            tensors[name_of(node.inputs[1])] = _bias_fits(node, params, tensors)
    return QuantPlan(tensors, placed.left)


@dataclass
class _Placement:
    scheme: Scheme
    ranges: Ranges
    kept: frozenset[ir.Node] = frozenset()
    weighted: list[ir.Node] = field(default_factory=list)
    carried: list[ir.Node] = field(default_factory=list)
    values: list[ir.Value] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)

    def over(self, graph: ir.Graph) -> _Placement:
        for node in graph:
            if node.op_type not in self.scheme.weighted or node.domain:
                continue
            reason = self._reason_to_leave(node)
            if reason:
                self.left[name_of(node.outputs[0])] = reason
            else:
                self.weighted.append(node)
        carried = [n for n in graph if n.op_type in self.scheme.carried and not n.domain]
        self.left |= {name_of(n.outputs[0]): REQUESTED for n in carried if n in self.kept}
        self.carried = [n for n in carried if n not in self.kept]
        while self._strike_out():
            pass
        self.values = list(dict.fromkeys(self._quantized()))
        return self

    def _reason_to_leave(self, node: ir.Node) -> str:  # noqa: PLR0911  one line a reason
        weight = node.inputs[1]
        if self.kept & {node, self._after(node).producer()}:
            return REQUESTED
        if not is_constant(weight):
            return "its weight is computed, not constant"
        if weight is None or weight.dtype != ir.DataType.FLOAT:
            return "its weight is not float32"
        if node.op_type == "MatMul" and (weight.shape is None or weight.shape.rank() != 2):
            return "its weight is not a matrix"
        if name_of(node.inputs[0]) not in self.ranges:
            return "its input was not observed"
        if any(n is not node and not _same_use(n, node) for n in weight.consumers()):
            return "its weight is shared with another kind of op"
        if node.op_type == "Gemm" and not is_plain_gemm(node):
            return "alpha, beta or transA are not plain"
        if node.op_type in self.scheme.closed:
            out = self._after(node)
            if out.is_graph_output() or name_of(out) not in self.ranges:
                return "its output leaves the graph"
        return ""

    def _after(self, node: ir.Node) -> ir.Value:
        """The value a closed node really hands on: that of the activation it absorbs."""
        out = node.outputs[0]
        user = sole_user(out)
        absorbed = user is not None and user.op_type in self.scheme.absorbed
        return user.outputs[0] if user is not None and absorbed else out

    def _quantized(self) -> Iterable[ir.Value]:
        for node in self.weighted:
            if node.inputs[0] is not None:
                yield node.inputs[0]
            if node.op_type in self.scheme.closed:
                yield self._after(node)
        for node in self.carried:
            yield from (v for v in node.inputs if v is not None and name_of(v) in self.ranges)
            yield node.outputs[0]

    def _strike_out(self) -> bool:
        made = {
            v for n in self.weighted if n.op_type in self.scheme.closed for v in (self._after(n),)
        }
        made |= {n.outputs[0] for n in self.carried}
        made |= {v for n in self.weighted if (v := n.inputs[0]) is not None}
        readers = {*self.weighted, *self.carried}
        kept = [n for n in self.carried if self._joins(n, made, readers)]
        changed = len(kept) < len(self.carried)
        self.carried = kept
        return changed

    def _joins(self, node: ir.Node, made: set[ir.Value], readers: set[ir.Node]) -> bool:
        data = [v for v in node.inputs if v is not None and name_of(v) in self.ranges]
        extra = [v for v in node.inputs if is_constant(v) and v and v.dtype == ir.DataType.FLOAT]
        out = node.outputs[0]
        return (
            bool(data)
            and not extra
            and all(v in made for v in data)
            and name_of(out) in self.ranges
            and not out.is_graph_output()
            and any(user in readers for user in out.consumers())
        )


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


def _same_use(one: ir.Node, other: ir.Node) -> bool:
    return one.op_type == other.op_type and one.attributes == other.attributes


def is_plain_gemm(node: ir.Node) -> bool:
    """Whether a Gemm is a matrix product and a bias, with nothing scaled or transposed."""
    get = node.attributes.get_float
    return (
        get("alpha", 1.0) == 1.0
        and get("beta", 1.0) == 1.0
        and not node.attributes.get_int("transA", 0)
    )


def _activation(ends: tuple[float, float], scheme: Scheme) -> QParams:
    """Scale and zero point so that zero is exact: padding and ReLU rely on it."""
    low, high = min(ends[0], 0.0), max(ends[1], 0.0)
    bottom, top = _LEVELS[scheme.activations]
    if scheme.symmetric_activations:
        reach = max(-low, high)
        low, high = -reach, reach
        bottom = -top
    scale = np.float32(max((high - low) / (top - bottom), 1e-12))
    zero = (
        0
        if scheme.symmetric_activations
        else int(np.clip(round(bottom - low / scale), bottom, top))
    )
    return QParams(np.asarray(scale), np.asarray(zero, scheme.activations), scheme.activations)


def _bias_fits(node: ir.Node, weight: QParams, tensors: dict[str, QParams]) -> QParams:
    """The weight's scale, raised where the bias would not fit 31 bits (a channel of zeros)."""
    bias = array(node.inputs[2]) if len(node.inputs) > 2 else None
    if bias is None or bias.ndim != 1:
        return weight
    step = tensors[name_of(node.inputs[0])].scale
    needed = np.abs(bias) / (step * np.float32(2**30))
    needed = needed if weight.scale.ndim else needed.max()
    return replace(weight, scale=np.maximum(weight.scale, needed).astype(np.float32))


def _share_scales(carried: Iterable[ir.Node], scheme: Scheme, tensors: dict[str, QParams]) -> None:
    for node in carried:
        if node.op_type in scheme.same_scale:
            tensors[name_of(node.outputs[0])] = tensors[name_of(node.inputs[0])]
