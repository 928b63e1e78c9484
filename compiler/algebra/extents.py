"""What is known about the entries of a shape before the model runs.

A model computes shapes by Shape, Gather, Concat and the like. Each entry of such a tensor is a
`Term`: a number, or a polynomial over sizes that are free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import terms
from mcompile.algebra.patterns import made
from mcompile.algebra.terms import Term, atom, sizes

_LONGEST, _DEEPEST = 64, 24
_INTEGERS = {ir.DataType.INT64, ir.DataType.INT32}
_REAL = {ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.DOUBLE, ir.DataType.BFLOAT16}


@dataclass(frozen=True)
class Entries:
    """The entries of an integer tensor of rank one, or the one of a scalar."""

    terms: tuple[Term, ...]
    dtype: ir.DataType
    scalar: bool = False

    def numbers(self) -> list[int] | None:
        """All entries, where each of them is a number."""
        found = [t for t in self.terms if isinstance(t, int)]
        return found if len(found) == len(self.terms) else None


def entries(value: ir.Value | None) -> Entries | None:
    """What is known about an integer tensor; None where that is not even its length."""
    return None if value is None else _Reading().read(value, _DEEPEST)


_PAIRWISE: dict[str, Callable[[Term, Term], Term | None]] = {
    "Add": terms.add,
    "Sub": terms.subtract,
    "Mul": terms.multiply,
    "Div": terms.divide,
    "Min": terms.extreme(min),
    "Max": terms.extreme(max),
    "Equal": terms.equal,
}


class _Reading:
    """One look upstream from a value; each value on the way is read once."""

    def __init__(self) -> None:
        self.known: dict[ir.Value, Entries | None] = {}

    def read(self, value: ir.Value, depth: int) -> Entries | None:
        if value.dtype in _REAL:
            return None
        if value not in self.known:
            self.known[value] = _stated(value) or self._made(value, depth) or _unknown(value)
        return self.known[value]

    def _made(self, value: ir.Value, depth: int) -> Entries | None:
        node = made(value, *READ)
        if node is None or not depth or not node.inputs:
            return None
        if node.op_type == "Shape":
            return _shape(node)
        inputs = [None if v is None else self.read(v, depth - 1) for v in node.inputs]
        given = [e for e in inputs if e is not None]
        if len(given) != sum(v is not None for v in node.inputs) or not given:
            return None
        if node.op_type in _PAIRWISE:
            return _pairwise(node, given)
        return _READ[node.op_type](node, inputs) if node.op_type in _READ else None


def _stated(value: ir.Value) -> Entries | None:
    """The entries of a short constant."""
    tensor = value.const_value
    if tensor is not None and tensor.size > _LONGEST:
        return None
    data = graph.array(value)
    if data is None or data.ndim > 1 or data.size > _LONGEST or data.dtype.kind not in "ib":
        return None
    kind = ir.DataType.from_numpy(data.dtype)
    return Entries(tuple(int(n) for n in data.reshape(-1)), kind, data.ndim == 0)


def _unknown(value: ir.Value) -> Entries | None:
    """An atom for each entry of a value of which only the length is known."""
    shape = value.shape
    if value.dtype not in _INTEGERS or shape is None or len(shape) > 1 or not shape.is_static():
        return None
    length = int(shape.numpy()[0]) if len(shape) else 1
    if length > _LONGEST or value.dtype is None:
        return None
    found = tuple(atom((value, k)) for k in range(length))
    return Entries(found, value.dtype, not len(shape))


def _shape(node: ir.Node) -> Entries | None:
    found = sizes(node.inputs[0])
    if found is None or len(found) > _LONGEST:
        return None
    start, end = graph.integer(node, "start", 0), graph.integer(node, "end", len(found))
    return Entries(found[start:end], ir.DataType.INT64)


def _pairwise(node: ir.Node, given: Sequence[Entries]) -> Entries | None:
    """An op on two tensors, of which one may be a single number."""
    if len(given) != 2 or "broadcast" in node.attributes or given[0].dtype != given[1].dtype:
        return None
    return _elementwise(node, _PAIRWISE[node.op_type], given)


def _elementwise(
    node: ir.Node, compute: Callable[..., Term | None], given: Sequence[Entries]
) -> Entries | None:
    length = max(len(e.terms) for e in given)
    if not length or any(len(e.terms) not in {1, length} for e in given):
        return None
    rows = zip(*(e.terms * (length // len(e.terms)) for e in given), strict=True)
    known = (compute(*row) for row in rows)
    found = tuple(atom((node.outputs[0], k)) if t is None else t for k, t in enumerate(known))
    dtype = ir.DataType.BOOL if node.op_type == "Equal" else given[-1].dtype
    return Entries(found, dtype, all(e.scalar for e in given)) if _holds(found, dtype) else None


def _holds(found: Iterable[Term], dtype: ir.DataType) -> bool:
    """Whether none of the terms can wrap around in that type, or grow without end."""
    bits = 1 if dtype == ir.DataType.BOOL else 8 * int(dtype.itemsize) - 1
    return all(
        -(1 << bits) <= t < 1 << bits
        if isinstance(t, int)
        else dtype == ir.DataType.INT64 and len(t) <= _LONGEST and max(n for _, n in t) < 1 << bits
        for t in found
    )


def _where(node: ir.Node, inputs: Sequence[Entries | None]) -> Entries | None:
    given = [e for e in inputs if e is not None]
    if len(given) != 3 or given[1].dtype != given[2].dtype:
        return None

    def choose(condition: Term, one: Term, other: Term) -> Term | None:
        if isinstance(condition, int):
            return one if condition else other
        return one if one == other else None

    return _elementwise(node, choose, given)


def _same(_node: ir.Node, inputs: Sequence[Entries | None]) -> Entries | None:
    return inputs[0]


def _cast(node: ir.Node, inputs: Sequence[Entries | None]) -> Entries | None:
    to, data = ir.DataType(graph.integer(node, "to", 0)), inputs[0]
    if data is None or to not in _INTEGERS or not _holds(data.terms, to):
        return None
    return Entries(data.terms, to, data.scalar)


def _gather(_node: ir.Node, inputs: Sequence[Entries | None]) -> Entries | None:
    data, places = inputs
    if data is None or places is None or data.scalar:
        return None
    index, count = places.numbers(), len(data.terms)
    if index is None or not all(-count <= k < count for k in index):
        return None
    return Entries(tuple(data.terms[k] for k in index), data.dtype, places.scalar)


def _slice(node: ir.Node, inputs: Sequence[Entries | None]) -> Entries | None:
    data = inputs[0]
    if data is None or data.scalar:
        return None
    if len(inputs) < 3:
        bounds: list[list[int] | None] = [_ints(node, "starts"), _ints(node, "ends")]
    else:
        bounds = [e.numbers() if e is not None else None for e in inputs[1:3]]
    steps = inputs[4].numbers() if len(inputs) > 4 and inputs[4] is not None else [1]
    start, end = bounds
    if not (start and end and steps and len(start) == 1 and steps[0]):
        return None
    return Entries(data.terms[start[0] : end[0] : steps[0]], data.dtype)


def _concat(_node: ir.Node, inputs: Sequence[Entries | None]) -> Entries | None:
    given = [e for e in inputs if e is not None]
    found = tuple(t for e in given for t in e.terms)
    if len(found) > _LONGEST or any(e.scalar or e.dtype != given[0].dtype for e in given):
        return None
    return Entries(found, given[0].dtype)


def _squeeze(node: ir.Node, inputs: Sequence[Entries | None]) -> Entries | None:
    data, axes = inputs[0], _axes(node, inputs)
    if data is None or len(data.terms) != 1 or data.scalar or axes not in ([], [0], [-1]):
        return None
    return Entries(data.terms, data.dtype, scalar=True)


def _unsqueeze(node: ir.Node, inputs: Sequence[Entries | None]) -> Entries | None:
    data, axes = inputs[0], _axes(node, inputs)
    if data is None or not data.scalar or axes not in ([0], [-1]):
        return None
    return Entries(data.terms, data.dtype)


def _reshape(_node: ir.Node, inputs: Sequence[Entries | None]) -> Entries | None:
    data, asked = inputs[0], inputs[1].numbers() if len(inputs) > 1 and inputs[1] else None
    if data is None or asked is None:
        return None
    if asked == [] and len(data.terms) == 1:
        return Entries(data.terms, data.dtype, scalar=True)
    return Entries(data.terms, data.dtype) if asked in ([-1], [len(data.terms)]) else None


def _axes(node: ir.Node, inputs: Sequence[Entries | None]) -> list[int] | None:
    if len(inputs) > 1 and inputs[1] is not None:
        return inputs[1].numbers() or None
    return _ints(node, "axes")


def _ints(node: ir.Node, name: str) -> list[int]:
    given = node.attributes.get(name)
    return [] if given is None else list(given.as_ints())


_READ: dict[str, Callable[[ir.Node, Sequence[Any]], Entries | None]] = {
    "Identity": _same,
    "Cast": _cast,
    "Gather": _gather,
    "Slice": _slice,
    "Concat": _concat,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Reshape": _reshape,
    "Where": _where,
}

READ = frozenset({"Shape", *_PAIRWISE, *_READ})
"""Ops that are followed upstream."""
