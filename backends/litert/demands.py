"""Where a value will have to lie in a certain order, and what it costs to bring it there.

    q = Transpose(x)    a, b = halves of q    r = a * c + b * s    MatMul(r, k)

Of all these only r has to move, once: what is computed entry by entry is computed as memory lies.
A demand is such a place: the value that would be moved there, and which orders will do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod

import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.endings import stored_shape
from mcompile.backends.litert.foresight import ANY_ORDER, WINDOWS
from mcompile.backends.litert.layout import (
    Order,
    after_reshape,
    after_transpose,
    channels_last,
    straight,
)
from mcompile.backends.litert.pairs import is_pair
from mcompile.backends.litert.views import View

_FAR = 12
_START = 1000
"""What an operator costs beside the numbers that it moves, in numbers."""
_NORMS = frozenset({"BatchNormalization", "GroupNormalization", "InstanceNormalization"})
"""That are taken as memory lies."""
_VIEWS = frozenset({"Flatten", "Reshape", "Squeeze", "Unsqueeze"})

Seen = Callable[[Order], Order | None]
"""The order that a value behind has when the one in front lies in an order."""


@dataclass(frozen=True)
class Demand:
    """`root` is what would be moved, `order` the one that its reader likes best.

    `suits` tells of an order of the value that was asked about whether the reader takes it so.
    """

    root: ir.Value
    order: Order | None
    suits: Callable[[Order], bool]
    cost: float = 0.0


def demands(value: ir.Value, far: int = _FAR) -> list[Demand]:
    """Every place that wants the value, or what is computed of it entry by entry, in an order."""
    found: list[Demand] = []
    reached = {value}
    _follow(value, value, far, reached, found)
    shares = _Shares(value, reached)
    return [replace(d, cost=shares.of(d.root) * (_size(d.root) + _START)) for d in found]


class _Shares:
    """How much of what is computed behind a value comes of it: all, or a part where it is joined
    with others, which would have to be moved as well.
    """

    def __init__(self, value: ir.Value, reached: Collection[ir.Value]) -> None:
        self._known, self._reached = {value: 1.0}, reached

    def of(self, value: ir.Value) -> float:
        """From 0 to 1, counted in numbers."""
        if value not in self._known:
            self._known[value] = 1.0
            maker = value.producer()
            read = _moved_with(maker) if maker is not None else []
            mine = sum(_size(v) * self.of(v) for v in read if v in self._reached)
            self._known[value] = mine / max(sum(map(_size, read)), 1)
        return self._known[value]


def _moved_with(node: ir.Node) -> list[ir.Value]:
    """What a node reads that has the order of what it makes, but for what is spread over it."""
    read = [v for v in node.inputs if v is not None and stored_shape(v) is None]
    most = max(map(_size, read), default=0)
    return read if node.op_type == "Concat" else [v for v in read if _size(v) == most]


def later(found: Iterable[Demand], order: Order) -> float:
    """What has to be moved behind a value that lies in that order."""
    costs = {(d.root, d.order): d.cost for d in found if not d.suits(order)}
    return sum(costs.values())


def now(value: ir.Value, views: Sequence[View], found: Iterable[Demand], order: Order) -> float:
    """What it costs to have a value in that order.

    Nothing where memory has it so already, or where one of its other readers has it moved anyway.
    """
    if any(v.holds(order) for v in views):
        return 0
    for demand in found:
        moves = demand.root is value and demand.suits(order)
        if moves and not any(demand.suits(v.nearest()) and v.order() is not None for v in views):
            return 0
    return _size(value) + _START


def sooner(value: ir.Value, view: View) -> Order | None:
    """The order to bring a value into before it is taken apart; None where that saves nothing."""
    found, near = demands(value), view.nearest()
    least = later(found, near)
    best = None
    for order in {d.order: None for d in found if d.order is not None}:
        whole = 0 if view.holds(order) else _size(value) + _START
        rest = whole + later([d for d in found if not d.suits(near)], order)
        if rest < least:
            best, least = order, rest
    return best


def _follow(
    value: ir.Value, root: ir.Value, far: int, reached: set[ir.Value], found: list[Demand]
) -> None:
    rank = len(graph.dims(value) or ())
    if value.is_graph_output():
        found.append(_exactly(value, root, straight(rank)))
    for use in value.uses() if far else ():
        own = _own(use.node, use.idx, value, root)
        if own is not None:
            found.append(own)
            continue
        for made in use.node.outputs if _passes(use.node, use.idx, value) else ():
            if made in reached:
                continue
            reached.add(made)
            behind: list[Demand] = []
            moves = not is_pair(use.node) and use.node.op_type not in (*_VIEWS, "Transpose")
            _follow(made, made if moves else root, far - (not is_pair(use.node)), reached, behind)
            found += _in_front(use.node, value, made, behind)


def _own(node: ir.Node, index: int, value: ir.Value, root: ir.Value) -> Demand | None:
    """What a reader wants itself."""
    rank = len(graph.dims(value) or ())
    if node.domain or rank < 2:
        return None
    if _reads_rows(node, index):
        return _with_last(value, root)
    orders = _asked(node, index, rank)
    return _one_of(value, root, orders) if orders else None


def _reads_rows(node: ir.Node, index: int) -> bool:
    """Whether the last axis has to lie last, and the others may lie as they do."""
    if node.op_type == "MatMul":
        return index == 0 and _is_matrix(stored_shape(node.inputs[1]))
    return node.op_type in ("LayerNormalization", "RMSNormalization")


def _asked(node: ir.Node, index: int, rank: int) -> list[Order]:
    """The orders that a reader takes it in."""
    if node.op_type in WINDOWS - _NORMS:
        return [channels_last(rank)] if index == 0 else []
    plain = straight(rank)
    if node.op_type == "MatMul" and index == 1:
        return [plain, (*plain[:-2], rank - 1, rank - 2)]
    return [plain] if node.op_type in ("Gemm", "MatMul") else []


def _with_last(value: ir.Value, root: ir.Value) -> Demand:
    dims = graph.dims(value) or ()
    last = [a for a, d in enumerate(dims) if d != 1][-1:]
    return Demand(root, straight(len(dims)), lambda o: [a for a in o if dims[a] != 1][-1:] == last)


def _is_matrix(shape: Sequence[int] | None) -> bool:
    return shape is not None and len(shape) > 1 and prod(shape[:-2]) == 1


def _exactly(value: ir.Value, root: ir.Value, order: Order) -> Demand:
    return _one_of(value, root, (order,))


def _one_of(value: ir.Value, root: ir.Value, orders: Sequence[Order]) -> Demand:
    dims = graph.dims(value) or ()

    def solid(order: Order) -> list[int]:
        return [a for a in order if dims[a] != 1]

    wanted = [solid(o) for o in orders]
    return Demand(root, orders[0], lambda order: solid(order) in wanted)


def _passes(node: ir.Node, index: int, value: ir.Value) -> bool:
    """Whether a reader computes in whatever order the value has."""
    if is_pair(node):
        return index == 0
    if node.domain:
        return False
    if node.op_type in ("Transpose", *_VIEWS):
        return index == 0
    made = graph.dims(node.outputs[0])
    if node.op_type == "Gather":
        which = graph.array(node.inputs[1])
        return index == 0 and which is not None and which.ndim == 0
    same = made is not None and len(made) == len(graph.dims(value) or ())
    return same and (node.op_type in ANY_ORDER or (node.op_type in _NORMS and index == 0))


def _in_front(
    node: ir.Node, value: ir.Value, made: ir.Value, behind: Sequence[Demand]
) -> list[Demand]:
    """Demands on what a node makes as demands on what it reads."""
    if is_pair(node) or node.op_type in ANY_ORDER | _NORMS:
        return list(behind)
    old, new = graph.dims(value) or (), graph.dims(made) or ()
    if node.op_type == "Transpose":
        perm = tuple(node.attributes.get_ints("perm", tuple(reversed(range(len(old))))))
        return [_seen(d, lambda o: after_transpose(o, perm),
                      lambda o: tuple(perm[a] for a in o)) for d in behind]  # fmt: skip
    if node.op_type == "Gather":
        axis = node.attributes.get_int("axis", 0) % len(old)
        return [_seen(d, lambda o: _without(o, axis), lambda o: _with(o, axis)) for d in behind]
    if not all(isinstance(d, int) for d in (*old, *new)) or 0 in old:
        return []
    sizes = [[d for d in dims if isinstance(d, int)] for dims in (old, new)]
    return [_seen(d, lambda o: after_reshape(o, sizes[0], sizes[1]),
                  lambda o: after_reshape(o, sizes[1], sizes[0])) for d in behind]  # fmt: skip


def _seen(demand: Demand, forth: Seen, back: Seen) -> Demand:
    def suits(order: Order) -> bool:
        there = forth(order)
        return there is not None and demand.suits(there)

    order = None if demand.order is None else back(demand.order)
    return Demand(demand.root, order, suits)


def _without(order: Order, axis: int) -> Order:
    return tuple(a - (a > axis) for a in order if a != axis)


def _with(order: Order, axis: int) -> Order:
    return (axis, *(a + (a >= axis) for a in order))


def _size(value: ir.Value) -> int:
    return prod(d for d in graph.dims(value) or () if isinstance(d, int))
