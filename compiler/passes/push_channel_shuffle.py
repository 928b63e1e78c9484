"""Shuffles of channels vanish into the weights of the convolutions before and behind them.

    a, b = Split(Shuffle(Concat(c, d)))    ->    a = Concat(c[i], d[i])    b = Concat(c[j], d[j])

A convolution's outputs may come in any order, as its weights may; so may its inputs. Each value
that a convolution reads behind joins, cuts and shuffles is then made of as few whole runs of
channels as there are convolutions that made it: outputs that go the same ways lie together. A
channel that is only handed on is not moved at each step any more. Depthwise convolutions and
activations hand the new order on. All that is joined with the shuffle is rewritten at once, or
not at all. Opset 13.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra.channels import Channel, Region, region, shuffle, size
from mcompile.rules import Phase, Rule, Skip
from mcompile.sweep import sweep

FIRST_OPSET = 13
_EACH_ALONE = {"Clip", "Elu", "HardSigmoid", "HardSwish", "LeakyRelu", "Relu", "Sigmoid", "Tanh"}
_MOST_PIECES = 24

Run = tuple[ir.Value, int, int]
"""Channels of a source, in its new order: from the first to before the second number."""
Absorbing = list[tuple[ir.Node, bool]]
"""Convolutions, and whether they are depthwise."""


@dataclass(frozen=True, eq=False)
class Unshuffled:
    """New orders of the sources, and for each end its runs, its order, and who takes that in."""

    sources: dict[ir.Value, list[int]]
    ends: dict[ir.Value, tuple[list[Run], list[int], Absorbing]]


class PushChannelShuffle(Rule[Unshuffled]):
    root = "Transpose"
    phase = Phase.LAYOUT
    pays_on = frozenset({"litert"})

    def match(self, node: ir.Node) -> Unshuffled | Skip | None:
        found = shuffle(node) if self.opset >= FIRST_OPSET else None
        whole = region(found) if found is not None else None
        return _planned(whole) if whole is not None and whole.ends else None

    def rewrite(self, found: Unshuffled) -> None:
        for source, order in found.sources.items():
            _reorder(source, order)
        pieces = _pieces({r for runs, _, _ in found.ends.values() for r in runs})
        for end, (runs, order, absorbing) in found.ends.items():
            for node, depthwise in absorbing:
                _permute(node, (0, 2) if depthwise else (1,), order)
            made = _joined(end, [pieces[r] for r in runs])
            for use in list(end.uses()):
                if any(use.node is n for n, _ in absorbing):
                    use.node.replace_input_with(use.idx, made)
        sweep(m for m in (end.producer() for end in found.ends) if m is not None)


def _planned(whole: Region) -> Unshuffled | Skip:
    paths = {end: whole.channels(end) for end in whole.ends}
    taken: dict[ir.Value, Absorbing] = {}
    for end, readers in whole.ends.items():
        found = [_absorbing(n, end) for n in readers]
        if end.is_graph_output() or None in found or len({*paths[end]}) < len(paths[end]):
            return Skip(f"{graph.name_of(end)} is read in the order of its channels")
        taken[end] = [pair for each in found for pair in each or ()]
    orders = {s: _order(s, paths) for s in whole.sources}
    ends = {}
    for end, channels in paths.items():
        runs, order = _runs(channels, orders)
        ends[end] = (runs, order, taken[end])
    count = max((len(runs) for runs, _, _ in ends.values()), default=0)
    if count > _MOST_PIECES:
        return Skip(f"a value would be joined of {count} pieces")
    moves = {s: o for s, o in orders.items() if o != sorted(o)}
    return Unshuffled(moves, ends)


def _absorbing(node: ir.Node, value: ir.Value) -> Absorbing | None:
    """The convolutions that take in another order of what the node reads; None where one cannot."""
    if node.domain or node.op_type != "Conv" or node.inputs[0] is not value:
        return None
    if any(v is not None and graph.array(v) is None for v in node.inputs[1:]):
        return None
    group, wide = graph.integer(node, "group", 1), size(value)
    if group == 1:
        return [(node, False)]
    if group != wide or size(node.outputs[0]) != wide:
        return None
    found: Absorbing = [(node, True)]
    behind = _through(node.outputs[0])
    for user in dict.fromkeys(u.node for u in behind.uses()):
        more = _absorbing(user, behind)
        if more is None:
            return None
        found += more
    return None if behind.is_graph_output() else found


def _through(value: ir.Value) -> ir.Value:
    """What comes of a value behind activations."""
    user = graph.sole_user(value)
    while user is not None and not user.domain and _is_activation(user):
        value = user.outputs[0]
        user = graph.sole_user(value)
    return value


def _is_activation(node: ir.Node) -> bool:
    return node.op_type in _EACH_ALONE and node.inputs[0] is not None


def _maker(source: ir.Value) -> ir.Node | None:
    """The convolution whose outputs may come in any order, for none but this source's readers."""
    node = source.producer()
    while node is not None and not node.domain and _is_activation(node):
        before = node.inputs[0]
        if before is None or graph.sole_user(before) is not node:
            return None
        node = before.producer()
    if node is None or node.domain or node.op_type != "Conv":
        return None
    constant = all(v is None or graph.array(v) is not None for v in node.inputs[1:])
    return node if constant and graph.integer(node, "group", 1) == 1 else None


def _order(source: ir.Value, paths: dict[ir.Value, list[Channel]]) -> list[int]:
    """The source's channels, those that go the same ways together."""
    wide = size(source) or 0
    if _maker(source) is None or source.is_graph_output():
        return list(range(wide))
    goes = {k: [False] * len(paths) for k in range(wide)}
    for place, channels in enumerate(paths.values()):
        for value, k in channels:
            if value is source:
                goes[k][place] = True
    return sorted(range(wide), key=lambda k: [not g for g in goes[k]])


def _runs(
    channels: list[Channel], orders: dict[ir.Value, list[int]]
) -> tuple[list[Run], list[int]]:
    """The runs that hold the channels, and which of the channels lies at each place then."""
    old = {channel: k for k, channel in enumerate(channels)}
    runs: list[Run] = []
    order: list[int] = []
    for source in dict.fromkeys(v for v, _ in channels):
        places = [p for p, k in enumerate(orders[source]) if (source, k) in old]
        cuts = [0, *(k + 1 for k, (a, b) in enumerate(pairwise(places)) if b != a + 1), len(places)]
        runs += [(source, places[a], places[b - 1] + 1) for a, b in pairwise(cuts)]
        order += [old[source, orders[source][p]] for p in places]
    return runs, order


def _reorder(source: ir.Value, order: list[int]) -> None:
    maker = _maker(source)
    if maker is not None:
        _permute(maker, (0, 2), order)


def _permute(node: ir.Node, where: tuple[int, ...], order: list[int]) -> None:
    """Give a convolution its weights in another order: axis 1 of them, or axis 0 and the bias."""
    for index in (1, 2) if 2 in where else (1,):
        value = node.inputs[index] if len(node.inputs) > index else None
        data = graph.array(value)
        if value is None or data is None:
            continue
        moved = np.ascontiguousarray(data.take(order, axis=where[0] if index == 1 else 0))
        new = graph.constant(graph.owner(node), graph.name_of(value), moved)
        node.replace_input_with(index, new)


def _pieces(runs: set[Run]) -> dict[Run, ir.Value]:
    """A value for each run: one Split for a source, which cuts where any run begins or ends."""
    found: dict[Run, ir.Value] = {}
    for source in dict.fromkeys(v for v, _, _ in sorted(runs, key=_by_name)):
        mine = sorted((a, b) for v, a, b in runs if v is source)
        wide = size(source) or 0
        if mine == [(0, wide)]:
            found[source, 0, wide] = source
            continue
        cuts = sorted({0, wide, *(k for run in mine for k in run)})
        parts = dict(zip(pairwise(cuts), _split(source, cuts), strict=True))
        for a, b in mine:
            inside = [part for (x, y), part in parts.items() if a <= x and y <= b]
            found[source, a, b] = _joined(source, inside)
    return found


def _by_name(run: Run) -> tuple[str, int]:
    return graph.name_of(run[0]), run[1]


def _split(source: ir.Value, cuts: list[int]) -> list[ir.Value]:
    maker = source.producer()
    home = source.graph
    assert home is not None  # it is a value of the program
    widths = [b - a for a, b in pairwise(cuts)]
    given = graph.constant(home, "widths", np.array(widths, np.int64))
    node = ir.node("Split", [source, given], {"axis": 1}, num_outputs=len(widths))
    for value, width in zip(node.outputs, widths, strict=True):
        _typed(value, source, width)
    if maker is None:
        home.insert_before(home[0], node)
    else:
        home.insert_after(maker, node)
    return list(node.outputs)


def _joined(like: ir.Value, parts: list[ir.Value]) -> ir.Value:
    """The values one behind the other, as soon as all are made."""
    if len(parts) == 1:
        return parts[0]
    home = like.graph
    assert home is not None  # it is a value of the program
    node = ir.node("Concat", parts, {"axis": 1})
    _typed(node.outputs[0], like, sum(size(p) or 0 for p in parts))
    places = {n: k for k, n in enumerate(home)}
    makers = [p.producer() for p in parts]
    last = max((m for m in makers if m is not None), key=places.__getitem__)
    home.insert_after(last, node)
    return node.outputs[0]


def _typed(value: ir.Value, like: ir.Value, wide: int) -> None:
    assert like.graph is not None  # it is a value of the program
    assert like.shape is not None  # its channels were counted
    value.name = graph.fresh(like.graph, graph.name_of(like))
    value.type = like.type
    value.shape = ir.Shape([wide if k == 1 else d for k, d in enumerate(like.shape.dims)])
