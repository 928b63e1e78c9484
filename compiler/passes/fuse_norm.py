"""A norm spelled out becomes LayerNormalization or RMSNormalization.

    n(d) = d / sqrt(mean(d^2) + eps)        d = x - mean(x)        means over the last axes

    n(d) * g + b   ->   LayerNormalization(x, g, b)   (opset 17)
    n(x) * g       ->   RMSNormalization(x, g)        (opset 23)

g and b spread over the axes of the mean, or are missing. The square may be Pow or Mul, the root
Sqrt or Pow, the quotient Div or a product with a reciprocal. Every LayerNormalization holds the
RMSNormalization of d: that is why one rule knows both, and takes the larger.

Both ops take their statistics in float32 whatever the type: float64 stays, and float16 gains,
because d^2 no longer overflows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra.patterns import made, seen, stand_in
from mcompile.rules import Phase, Rule, Skip

SINCE = {"LayerNormalization": 17, "RMSNormalization": 23}
_TYPES = {ir.DataType.FLOAT16, ir.DataType.FLOAT, ir.DataType.DOUBLE}


@dataclass(frozen=True)
class Normed:
    """A norm so far: its last node, what would go, and what the new op needs."""

    last: ir.Node
    op: str
    source: ir.Value
    axes: int
    epsilon: float
    inner: tuple[ir.Node, ...]
    scale: ir.Value | None = None
    bias: ir.Value | None = None


class FuseNorm(Rule[Normed]):
    root = ("Div", "Mul", "Add")
    phase = Phase.FUSE

    def match(self, node: ir.Node) -> Normed | Skip | None:
        for core in filter(None, map(_core, _upstream(node))):
            found = _extended(core)
            if found.last is node:
                reason = seen(found.inner, node) or self._refused(found)
                return Skip(reason) if reason else found
        return None

    def rewrite(self, found: Normed) -> None:
        old = found.last.outputs[0]
        stem = graph.name_of(old)
        given = [found.scale] if found.bias is None else [found.scale, found.bias]
        inputs = [found.source, *(_whole(found, v, stem) for v in given)]
        settings = (ir.AttrFloat32("epsilon", found.epsilon), ir.AttrInt64("axis", -found.axes))
        new = ir.Node("", found.op, inputs, settings, name=found.last.name)
        stand_in(new, found.last)

    def _refused(self, found: Normed) -> str:
        """What speaks against the op, in words; empty when nothing does."""
        since = SINCE[found.op]
        if self.opset < since:
            return f"{found.op} is an op since opset {since}, this is {self.opset}"
        if found.source.dtype == ir.DataType.DOUBLE:
            return f"{found.op} takes its statistics in float32, and this is float64"
        if _sizes(found) is None:
            return f"the size that {found.source.name} is normed over is only known at run time"
        return ""


def _upstream(node: ir.Node) -> Iterator[ir.Node]:
    """The node and those above it that may divide by the root: scale and bias come after that."""
    yield node
    for scaled in (made(v, "Mul", "Div") for v in node.inputs if node.op_type != "Div"):
        if scaled is not None:
            yield scaled
            if node.op_type == "Add" and scaled.op_type == "Mul":
                yield from (n for v in scaled.inputs if (n := made(v, "Mul", "Div")))


def _number(value: ir.Value | None) -> float | None:
    """A constant of one element that adds no dimension."""
    tensor = value.const_value if value is not None else None
    small = tensor is not None and tensor.size == 1 and len(tensor.shape) < 2
    data = graph.array(value) if small else None
    return None if data is None or data.dtype.kind not in "fiu" else float(data.reshape(())[()])


def _core(last: ir.Node) -> Normed | None:
    """The norm that the node ends, without scale and bias."""
    for source, radicand, nodes in _quotients(last):
        padded = made(radicand, "Add")
        for mean, epsilon in _padded(padded) if padded is not None else ():
            squared = made(mean.inputs[0], "Pow", "Mul")
            axes = _last_axes(mean, source)
            if padded is None or squared is None or not axes or _squared(squared) is not source:
                continue
            inner = (*nodes, padded, mean, squared)
            outer, off = _centred(source, axes) or (source, ())
            op = "LayerNormalization" if off else "RMSNormalization"
            if outer.dtype in _TYPES:
                return Normed(last, op, outer, axes, epsilon, (*inner, *off))
    return None


def _quotients(last: ir.Node) -> Iterator[tuple[ir.Value, ir.Value | None, tuple[ir.Node, ...]]]:
    """What is divided, what it is divided by the root of, and the nodes in between."""
    one, other = last.inputs[:2]
    if last.op_type == "Div":
        below = made(other, "Sqrt", "Pow")
        if one is not None and below is not None and _is_power(below, 0.5):
            yield one, below.inputs[0], (below,)
    for value, factor in ((one, other), (other, one)) if last.op_type == "Mul" else ():
        inverse = made(factor, "Reciprocal", "Div", "Pow")
        if value is None or inverse is None:
            continue
        if inverse.op_type == "Pow" and _is_power(inverse, -0.5):
            yield value, inverse.inputs[0], (inverse,)
        elif inverse.op_type == "Reciprocal" or _number(inverse.inputs[0]) == 1.0:
            below = made(inverse.inputs[-1], "Sqrt", "Pow")
            if below is not None and _is_power(below, 0.5):
                yield value, below.inputs[0], (inverse, below)


def _is_power(node: ir.Node, exponent: float) -> bool:
    return node.op_type == "Sqrt" or _number(node.inputs[1]) == exponent


def _padded(added: ir.Node) -> Iterator[tuple[ir.Node, float]]:
    """The mean, and the epsilon added to it."""
    for value, constant in (added.inputs, added.inputs[::-1]):
        mean, epsilon = made(value, "ReduceMean"), _number(constant)
        if mean is not None and epsilon is not None and epsilon > 0:
            yield mean, epsilon


def _squared(node: ir.Node) -> ir.Value | None:
    """What the node squares."""
    one, other = node.inputs
    squares = one is other if node.op_type == "Mul" else _number(other) == 2.0
    return one if squares else None


def _centred(value: ir.Value, axes: int) -> tuple[ir.Value, tuple[ir.Node, ...]] | None:
    """The x of which the value is x - mean(x), and the two nodes that make it so."""
    less = made(value, "Sub")
    source = less.inputs[0] if less is not None else None
    mean = made(less.inputs[1], "ReduceMean") if less is not None else None
    if less is None or source is None or mean is None or mean.inputs[0] is not source:
        return None
    return (source, (less, mean)) if _last_axes(mean, source) == axes else None


def _last_axes(mean: ir.Node, source: ir.Value) -> int:
    """How many axes the mean goes over, if it keeps them and they are the last; else 0."""
    rank = len(source.shape) if source.shape is not None else 0
    attribute = mean.attributes.get("axes")
    given = graph.array(mean.inputs[1]) if len(mean.inputs) > 1 else None
    axes = list(attribute.as_ints()) if attribute is not None else []
    axes = axes if given is None else [int(a) for a in given.reshape(-1)]
    last = sorted(a - rank if a >= 0 else a for a in axes) == list(range(-len(axes), 0))
    return len(axes) if last and graph.integer(mean, "keepdims", 1) else 0


def _extended(core: Normed) -> Normed:
    """The norm with the scale and the bias behind it."""
    found = core
    if after := _behind(core, "Mul"):
        found = replace(core, last=after[0], inner=(*core.inner, core.last), scale=after[1])
    if found.op == "LayerNormalization" and (after := _behind(found, "Add")):
        inner = (*found.inner, found.last)
        found = replace(found, last=after[0], inner=inner, bias=after[1])
    return found


def _behind(found: Normed, op: str) -> tuple[ir.Node, ir.Value] | None:
    """The only reader of the norm, and its other operand, where that is a scale or bias."""
    between = found.last.outputs[0]
    reader = graph.sole_user(between)
    if reader is None or reader.op_type != op or reader.domain not in {"", "ai.onnx"}:
        return None
    other = reader.inputs[1] if reader.inputs[0] is between else reader.inputs[0]
    fits = other is not None and reader.graph is found.last.graph and _spreads(other, found)
    return (reader, other) if fits and other is not None else None


def _sizes(found: Normed) -> tuple[int, ...] | None:
    """The shape of scale and bias, None where it is only known at run time."""
    shape = graph.dims(found.source) or ()
    known = tuple(d for d in shape[len(shape) - found.axes :] if isinstance(d, int))
    return known if len(known) == found.axes else None


def _spreads(value: ir.Value, found: Normed) -> bool:
    """Whether the value has, or as a constant spreads to, the shape of the axes normed over."""
    sizes, shape = _sizes(found), graph.dims(value)
    if sizes is None or shape is None or shape == sizes:
        return sizes is not None and shape == sizes
    if not graph.is_constant(value) or len(shape) > len(graph.dims(found.source) or ()):
        return False
    aligned = (*(1 for _ in sizes), *shape)[-max(len(sizes), len(shape)) :]
    wanted = (*(1 for _ in aligned), *sizes)[-len(aligned) :]
    return all(a in (1, b) for a, b in zip(aligned, wanted, strict=True))


def _whole(found: Normed, value: ir.Value | None, stem: str) -> ir.Value:
    """The scale or bias in the shape of the axes normed over; ones where there is none."""
    sizes = _sizes(found) or ()
    if value is not None and graph.dims(value) == sizes:
        return value
    kind = found.source.dtype or ir.DataType.FLOAT
    known = graph.array(value)
    data = np.ones(1, kind.numpy()) if known is None else known
    data = data.reshape(data.shape[max(data.ndim - found.axes, 0) :])
    name = f"{stem}_scale" if value is None else f"{graph.name_of(value)}_spread"
    return graph.constant(graph.owner(found.last), name, np.broadcast_to(data, sizes).copy())
