"""HardSwish spelled out becomes HardSwish (opset 14).

    x * Clip(x + 3, 0, 6) / 6                          ->   HardSwish(x)
    x * HardSigmoid<alpha = 1/6, beta = 1/2>(x)        ->   HardSwish(x)

The factors may come in any order. 1/6 may be off by 1e-4 of itself (1e-3 in float16); the other
numbers are exact in every type. float64 stays: HardSwish holds its numbers as float32.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import onnx_ir as ir

from mcompile.algebra.patterns import made, scalar, seen, stand_in, widened
from mcompile.rules import Phase, Rule, Skip

FIRST_OPSET = 14
TOLERANCE = {ir.DataType.FLOAT16: 1e-3, ir.DataType.FLOAT: 1e-4, ir.DataType.DOUBLE: 1e-6}


@dataclass(frozen=True)
class Product:
    """factor * values[0] * values[1] * ..., and the nodes that multiply them."""

    factor: float
    values: tuple[ir.Value, ...]
    nodes: tuple[ir.Node, ...]


@dataclass(frozen=True)
class Swish:
    """The last node of a HardSwish, and what it is taken of."""

    last: ir.Node
    source: ir.Value


class FuseHardswish(Rule[Swish]):
    root = ("Mul", "Div")
    phase = Phase.FUSE

    def match(self, node: ir.Node) -> Swish | Skip | None:
        for product in _products(node, 2):
            if len(product.values) == 2:
                for source, gate in (product.values, product.values[::-1]):
                    inner = _gate(gate, source, product.factor)
                    if inner is not None:
                        inner += [n for n in product.nodes if n is not node]
                        reason = self._hindered(inner, node, source)
                        return Skip(reason) if reason else Swish(node, source)
        return None

    def rewrite(self, found: Swish) -> None:
        new = ir.Node("", "HardSwish", [found.source], name=found.last.name)
        stand_in(new, found.last)

    def _hindered(self, inner: list[ir.Node], last: ir.Node, source: ir.Value) -> str:
        """What speaks against it, in words; empty when nothing does."""
        if reason := seen(inner, last) or widened([*inner, last], source):
            return reason
        if source.dtype == ir.DataType.DOUBLE:
            return "HardSwish holds its numbers as float32, and this is float64"
        if self.opset < FIRST_OPSET:
            return f"HardSwish is an op since opset {FIRST_OPSET}, this is {self.opset}"
        return ""


def _products(node: ir.Node, depth: int) -> Iterator[Product]:
    """What the node multiplies, each operand as it is or as the product that it is."""
    one, other = node.inputs
    if one is None or other is None:
        return
    number = scalar(other)
    if node.op_type == "Div":
        if number:
            for left in _ways(one, depth):
                yield Product(left.factor / number, left.values, (node, *left.nodes))
        return
    for left in _ways(one, depth):
        for right in _ways(other, depth):
            values = (*left.values, *right.values)
            nodes = (node, *left.nodes, *right.nodes)
            yield Product(left.factor * right.factor, values, nodes)


def _ways(value: ir.Value, depth: int) -> Iterator[Product]:
    number = scalar(value)
    yield Product(1.0, (value,), ()) if number is None else Product(number, (), ())
    inner = made(value, "Mul", "Div")
    if inner is not None and depth > 1:
        yield from _products(inner, depth - 1)


def _gate(value: ir.Value, source: ir.Value, factor: float) -> list[ir.Node] | None:
    """The nodes that make factor * value the HardSigmoid of the source; None when it is not."""
    tolerance = TOLERANCE.get(source.dtype) if source.dtype is not None else None
    gate = made(value, "HardSigmoid", "Clip")
    if gate is None or tolerance is None:
        return None
    if gate.op_type == "HardSigmoid":
        alpha = gate.attributes.get_float("alpha", 0.2) * factor
        beta = gate.attributes.get_float("beta", 0.5)
        fits = factor == 1.0 and beta == 0.5 and gate.inputs[0] is source
        return [gate] if fits and math.isclose(alpha, 1 / 6, rel_tol=tolerance) else None
    added = made(gate.inputs[0], "Add")
    if added is None or _limits(gate) != (0.0, 6.0):
        return None
    one, other = added.inputs
    three = scalar(other if one is source else one)
    fits = source in (one, other) and three == 3.0
    return [gate, added] if fits and math.isclose(factor, 1 / 6, rel_tol=tolerance) else None


def _limits(clip: ir.Node) -> tuple[float | None, float | None]:
    low, high = clip.attributes.get("min"), clip.attributes.get("max")
    if low is not None and high is not None:
        return low.as_float(), high.as_float()
    given = [*(scalar(v) for v in clip.inputs[1:3]), None, None]
    return given[0], given[1]
