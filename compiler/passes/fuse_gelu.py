"""GELU spelled out in elementary ops becomes Gelu (opset 20).

    0.5 x (1 + erf(x / sqrt 2))                          ->   Gelu(x)
    0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))      ->   Gelu<approximate = "tanh">(x)

Both are read as polynomials: the outer part in x and t = erf(..) or tanh(..) must be
0.5 x + 0.5 x t, what is inside must be x / sqrt 2, or sqrt(2/pi) x + 0.044715 sqrt(2/pi) x^3. So
the order of factors, Div or Mul, and Pow(x, 3) or x * x * x make no difference.

The numbers inside may be off by 1e-4 of themselves (people write 1.4142). GELU moves by less than
0.3 times that, a third of what counts as equal. For float16 it is 1e-3, the rounding of two
constants. float64 stays: Gelu knows its pi to float32 only, and runtimes have no Erf of float64.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import onnx_ir as ir

from mcompile import graph
from mcompile.algebra.patterns import scalar, seen, stand_in, widened
from mcompile.rules import Phase, Rule, Skip

FIRST_OPSET = 20
TOLERANCE = {ir.DataType.FLOAT16: 1e-3, ir.DataType.FLOAT: 1e-4, ir.DataType.DOUBLE: 1e-4}
_DEPTH = 6

Powers = Mapping[tuple[int, int], float]
"""A polynomial: for the powers of x and of t, the factor."""

_OUTER: Powers = {(1, 0): 0.5, (1, 1): 0.5}
_SLOPE = math.sqrt(2 / math.pi)
_INNER: dict[str, Powers] = {
    "Erf": {(1, 0): math.sqrt(0.5)},
    "Tanh": {(1, 0): _SLOPE, (3, 0): 0.044715 * _SLOPE},
}


@dataclass(frozen=True)
class Spelled:
    """The last node of a GELU, what it is taken of, and `none` or `tanh`."""

    last: ir.Node
    source: ir.Value
    approximate: str


class FuseGelu(Rule[Spelled]):
    root = ("Mul", "Add", "Div")
    phase = Phase.FUSE

    def match(self, node: ir.Node) -> Spelled | Skip | None:
        for bend in _bends(node, 3):
            argument = bend.inputs[0]
            outside = set(_operands(node.outputs[0], 3))
            for source in _operands(argument, 4) if argument is not None else ():
                if source not in outside:
                    continue
                inner = _spelling(node, bend, source)
                if inner is not None:
                    return self._judged(Spelled(node, source, _KIND[bend.op_type]), inner)
        return None

    def rewrite(self, found: Spelled) -> None:
        kind = ir.AttrString("approximate", found.approximate)
        new = ir.Node("", "Gelu", [found.source], [kind], name=found.last.name)
        stand_in(new, found.last)

    def _judged(self, found: Spelled, inner: list[ir.Node]) -> Spelled | Skip:
        if reason := seen(inner, found.last) or widened([*inner, found.last], found.source):
            return Skip(reason)
        if found.source.dtype == ir.DataType.DOUBLE:
            return Skip("Gelu holds its numbers as float32, and this is float64")
        if self.opset < FIRST_OPSET:
            return Skip(f"Gelu is an op since opset {FIRST_OPSET}, this is {self.opset}")
        return found


_KIND = {"Erf": "none", "Tanh": "tanh"}
_ARITHMETIC = {"Add", "Sub", "Mul", "Div", "Pow"}


def _source(value: ir.Value | None) -> ir.Node | None:
    """What makes the value, if it is an op of the standard set."""
    node = value.producer() if value is not None else None
    return node if node is not None and node.domain in {"", "ai.onnx"} else None


def _bends(node: ir.Node, depth: int) -> Iterator[ir.Node]:
    """The Erf and Tanh nodes that arithmetic leads up to."""
    for made in (_source(v) for v in node.inputs):
        if made is not None and made.op_type in _INNER:
            yield made
        elif made is not None and made.op_type in {"Add", "Mul", "Div"} and depth > 1:
            yield from _bends(made, depth - 1)


def _operands(value: ir.Value, depth: int) -> Iterator[ir.Value]:
    """The values that arithmetic leads up to, nearest first: one of them is x."""
    level = [value]
    for _ in range(depth):
        made = [n for n in map(_source, level) if n is not None and n.op_type in _ARITHMETIC]
        inputs = (v for n in made for v in n.inputs if v is not None)
        level = [v for v in dict.fromkeys(inputs) if not graph.is_constant(v)]
        yield from level


def _spelling(last: ir.Node, bend: ir.Node, source: ir.Value) -> list[ir.Node] | None:
    """The nodes above `last` that spell its GELU of the source out; None when it is none."""
    argument = bend.inputs[0]
    tolerance = TOLERANCE.get(source.dtype) if source.dtype is not None else None
    if tolerance is None or argument is None:
        return None
    inner: dict[ir.Node, None] = {bend: None}
    within = _read(argument, {source: (1, 0)}, inner, _DEPTH)
    if within is None or not _equal(within, _INNER[bend.op_type], tolerance):
        return None
    atoms = {source: (1, 0), bend.outputs[0]: (0, 1)}
    around = _read(last.outputs[0], atoms, inner, _DEPTH)
    if around is None or not _equal(around, _OUTER, 1e-9):
        return None
    return [n for n in inner if n is not last]


def _read(
    value: ir.Value,
    atoms: Mapping[ir.Value, tuple[int, int]],
    inner: dict[ir.Node, None],
    left: int,
) -> Powers | None:
    """The value as a polynomial in the atoms; the nodes on the way go into `inner`."""
    if value in atoms:
        return {atoms[value]: 1.0}
    if graph.is_constant(value):
        number = scalar(value)
        return None if number is None else {(0, 0): number}
    node = _source(value)
    if node is None or node.op_type not in _ARITHMETIC or not left:
        return None
    inner[node] = None
    terms: list[Powers] = []
    for operand in node.inputs:
        term = _read(operand, atoms, inner, left - 1) if operand is not None else None
        if term is None:
            return None
        terms.append(term)
    return _combined(node.op_type, *terms)


def _combined(op: str, one: Powers, other: Powers) -> Powers | None:
    if op == "Mul":
        return _product(one, other)
    if op in {"Add", "Sub"}:
        sign = 1 if op == "Add" else -1
        keys = dict.fromkeys((*one, *other))
        return {k: one.get(k, 0.0) + sign * other.get(k, 0.0) for k in keys}
    number = other.get((0, 0), 0.0) if len(other) == 1 else 0.0
    if op == "Div":
        return {k: v / number for k, v in one.items()} if number else None
    square = _product(one, one)
    return {2.0: square, 3.0: _product(square, one)}.get(number)


def _product(one: Powers, other: Powers) -> Powers:
    found: dict[tuple[int, int], float] = {}
    for (a, b), left in one.items():
        for (c, d), right in other.items():
            found[a + c, b + d] = found.get((a + c, b + d), 0.0) + left * right
    return found


def _equal(one: Powers, other: Powers, tolerance: float) -> bool:
    return one.keys() == other.keys() and all(
        math.isclose(one[k], other[k], rel_tol=tolerance) for k in one
    )
