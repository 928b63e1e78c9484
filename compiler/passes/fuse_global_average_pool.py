"""A mean over all positions of an image becomes GlobalAveragePool.

    ReduceMean<axes = 2 .. rank-1, keepdims = 1>(x)   ->   GlobalAveragePool(x)
    ReduceMean<axes = 2 .. rank-1, keepdims = 0>(x)   ->   Flatten(GlobalAveragePool(x))

for x of four dimensions or more (sample, channel, positions) that comes from a convolution or a
pool, with at most elementwise ops in between: GlobalAveragePool stays in the blocked layout of the
convolutions, and runtimes have an integer one but no integer ReduceMean. Behind anything else, and
over one dimension of positions, it was measured to be slower than the mean.

The mean that a norm takes off its input, and the mean of squares that it divides by, stay: they
are no pooling, and part of a larger pattern.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import onnx_ir as ir

from mcompile import graph
from mcompile.rules import Phase, Rule, Skip

_TYPES = {ir.DataType.FLOAT16, ir.DataType.FLOAT}
_IMAGES = {"Conv", "MaxPool", "AveragePool"}
_ELEMENTWISE = {
    *("Add", "Mul", "Sub", "Div", "Relu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh"),
    *("LeakyRelu", "PRelu", "Elu", "Selu", "Softplus", "Mish", "Gelu", "Erf", "Pow", "Swish"),
    *("BatchNormalization", "InstanceNormalization", "Concat", "Dropout", "Identity", "Cast"),
}
_FAR = 32
"""Nodes to look at for a convolution: a block of a residual net, not the whole of it."""


@dataclass(frozen=True)
class Pooled:
    """A mean over all positions of the source, and whether their dimensions stay as ones."""

    mean: ir.Node
    source: ir.Value
    kept: bool


class FuseGlobalAveragePool(Rule[Pooled]):
    root = "ReduceMean"
    phase = Phase.FUSE

    def match(self, node: ir.Node) -> Pooled | Skip | None:
        source = node.inputs[0]
        if source is None or source.dtype not in _TYPES:
            return None
        given = node.inputs[1] if len(node.inputs) > 1 else None
        axes = _axes(node)
        if axes is None:
            return Skip(f"{given.name} is not a constant") if given is not None else None
        if source.shape is None:
            return Skip(f"the number of dimensions of {source.name} is not known") if axes else None
        rank = len(source.shape)
        if rank < 4 or sorted(a % rank for a in axes) != list(range(2, rank)):
            return None
        reason = _unfit(node, source)
        return (
            Skip(reason)
            if reason
            else Pooled(node, source, bool(graph.integer(node, "keepdims", 1)))
        )

    def rewrite(self, found: Pooled) -> None:
        old = found.mean.outputs[0]
        home = graph.owner(found.mean)
        pool = ir.Node("", "GlobalAveragePool", [found.source], name=found.mean.name)
        home.insert_before(found.mean, pool)
        output = pool.outputs[0]
        output.name = graph.fresh(home, graph.name_of(old))
        output.type = old.type
        if not found.kept and found.source.shape is not None:
            sizes = found.source.shape.dims
            output.shape = ir.Shape([*sizes[:2], *(1 for _ in sizes[2:])])
            flat = ir.Node("", "Flatten", [output], [ir.AttrInt64("axis", 1)])
            home.insert_before(found.mean, flat)
            output = flat.outputs[0]
            output.name, output.type = graph.fresh(home, graph.name_of(old)), old.type
        output.shape = old.shape.copy() if old.shape is not None else None
        if not old.is_graph_output():
            old.name, output.name = output.name, old.name
        graph.replace(old, output)


def _axes(node: ir.Node) -> list[int] | None:
    """What the node reduces; None when it is only known at run time, or not stated."""
    attribute = node.attributes.get("axes")
    if attribute is not None:
        return list(attribute.as_ints())
    given = graph.array(node.inputs[1]) if len(node.inputs) > 1 else None
    return None if given is None else [int(a) for a in given.reshape(-1)]


def _unfit(mean: ir.Node, source: ir.Value) -> str:
    """Why the mean is better left as it is, in words; empty when it is not."""
    if _norms(mean, source):
        return "it is the mean of a norm"
    if not _is_image(source):
        return "no convolution is in front of it, and then the mean is as fast"
    return ""


def _norms(mean: ir.Node, source: ir.Value) -> bool:
    """Whether the mean is taken off its own input, or is one of squares."""
    for reader in mean.outputs[0].consumers():
        if reader.op_type == "Sub" and source in reader.inputs:
            return True
    maker = source.producer()
    if maker is None or maker.op_type not in {"Pow", "Mul"}:
        return False
    one, other = maker.inputs
    exponent = graph.array(other) if maker.op_type == "Pow" and graph.is_constant(other) else None
    return one is other or (exponent is not None and exponent.size == 1 and bool(exponent == 2))


def _is_image(source: ir.Value) -> bool:
    """Whether elementwise ops lead up to a convolution or a pool."""
    queue, seen = deque([source]), {source}
    while queue and len(seen) < _FAR:
        maker = queue.popleft().producer()
        if maker is not None and maker.domain in {"", "ai.onnx"}:
            if maker.op_type in _IMAGES:
                return True
            inputs = maker.inputs if maker.op_type in _ELEMENTWISE else ()
            fresh = [v for v in inputs if v is not None and v not in seen]
            queue.extend(fresh)
            seen.update(fresh)
    return False
