"""An op with a constant that leaves every number as it is is replaced by its other input.

    x * 1, 1 * x, x / 1, x ^ 1, x - 0, x + -0, x and true, x or false, x xor false   ->   x
    Clip(x, -inf, inf)   ->   x

    x + 0   ->   x   where nothing divides by it

All but the last keep NaN, infinities and the sign of zero; the constant may not enlarge x when it
is broadcast, and may be a fill (Expand of 1) of any size. x + 0 makes 0 of -0, equal numbers that
1 / x tells apart: it stays where a Div, Pow or Reciprocal reads it. A float Clip without bounds
stays too: by its specification it limits infinities to the largest number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import terms
from mcompile.algebra.patterns import filled
from mcompile.rules import Phase, Rule, Skip

_NEUTRAL = {"Mul": 1, "Div": 1, "Pow": 1, "Sub": 0, "Add": 0, "And": 1, "Or": 0, "Xor": 0}
_ONE_SIDED = {"Div", "Pow", "Sub"}
_TELLS = {"Div", "Pow", "Reciprocal"}


@dataclass(frozen=True)
class Same:
    """A value, and the earlier one that equals it."""

    output: ir.Value
    source: ir.Value


class DropNeutrals(Rule[Same]):
    root = (*_NEUTRAL, "Clip")
    phase = Phase.CLEAN

    def match(self, node: ir.Node) -> Same | Skip | None:
        if self.opset < 7 or graph.is_dead(node):
            return None
        found = _unclipped(node) if node.op_type == "Clip" else _neutral(node)
        if found is None or isinstance(found, Skip):
            return found
        reason = graph.hindrance(node.outputs[0], found)
        return Skip(reason) if reason else Same(node.outputs[0], found)

    def rewrite(self, found: Same) -> None:
        graph.replace(found.output, found.source)


def _neutral(node: ir.Node) -> ir.Value | Skip | None:
    """The input that comes out as it is."""
    for source, constant in _sides(node):
        if graph.is_constant(source) or not terms.fits(constant, source):
            continue
        if not filled(constant, _NEUTRAL[node.op_type]):
            continue
        if node.op_type in {"Add", "Sub"} and not _keeps_zeros(constant, node.op_type == "Add"):
            divided = [n for n in node.outputs[0].consumers() if n.op_type in _TELLS]
            if divided:
                return Skip(f"it makes 0 of -0, which {divided[0].op_type} tells apart")
        return source
    return None


def _sides(node: ir.Node) -> Iterator[tuple[ir.Value, ir.Value]]:
    one, other = node.inputs
    if one is not None and other is not None:
        yield one, other
        if node.op_type not in _ONE_SIDED:
            yield other, one


def _keeps_zeros(constant: ir.Value, negative: bool) -> bool:
    """Whether zeros of floats have the sign that changes no other zero."""
    data = graph.array(constant)
    if data is None:
        return constant.dtype is not None and constant.dtype.is_integer()
    return data.dtype.kind in "iu" or bool((np.signbit(data) == negative).all())


def _unclipped(node: ir.Node) -> ir.Value | Skip | None:
    source = node.inputs[0]
    low, high = (_bound(node, k, name) for k, name in ((1, "min"), (2, "max")))
    if source is None or source.dtype is None or isinstance(low, str) or isinstance(high, str):
        return None
    if source.dtype.is_integer():
        kind = np.iinfo(source.dtype.numpy())
        free = (low is None or low <= kind.min) and (high is None or high >= kind.max)
        return source if free else None
    if low is None and high is None:
        return Skip("without bounds it limits infinities to the largest number")
    return source if (low, high) == (-np.inf, np.inf) else None


def _bound(node: ir.Node, place: int, name: str) -> float | str | None:
    """A bound of a Clip, None where there is none, its name where it is only known at run time."""
    if name in node.attributes:
        return node.attributes[name].as_float()
    value = node.inputs[place] if len(node.inputs) > place else None
    if value is None:
        return None
    data = graph.array(value)
    return name if data is None or data.size != 1 else data.reshape(-1)[0].item()
