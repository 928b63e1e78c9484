"""Which ops to give another order of axes, so that as few Transposes as possible are left.

Each value between ops that work in any order is either as it was or in the new order; a Transpose
stands wherever the two meet. The cheapest choice is a minimum cut (see `flow`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import onnx_ir as ir

from mcompile.algebra import flow, relayout
from mcompile.algebra.orders import Order, both, is_straight, order_of, reversing
from mcompile.algebra.permuted import Form
from mcompile.algebra.relayout import Region, readers, saved

LARGEST = 400
"""Ops around a Transpose that are looked at: what lies further away stays as it is."""

Forms = Callable[[ir.Node, Order], Form | None]
Group = tuple[list[ir.Node | str], int]


def seeds(node: ir.Node) -> Iterator[tuple[ir.Node, Order]]:
    """The neighbours of a Transpose, each with the order in which it would need none."""
    order = order_of(node)
    if order is None:
        return
    source = node.inputs[0].producer() if node.inputs[0] is not None else None
    if source is not None and source.graph is node.graph:
        yield source, order
    for reader in node.outputs[0].consumers():
        if reader.graph is node.graph:
            yield reader, reversing(order)


class Search:
    """Looks for regions that are worth a change, and between two changes but once for each.

    Ops of the type `favoured` are changed where as many Transposes are left as before, too.
    """

    def __init__(self, forms: Forms, favoured: str = "") -> None:
        self._forms = forms
        self._favoured = favoured
        self._settled: set[tuple[ir.Node, Order]] = set()
        self._version = -1

    def near(self, node: ir.Node) -> Iterator[Region]:
        """The regions beside a Transpose."""
        if self._version != relayout.version():
            self._version = relayout.version()
            self._settled.clear()
        for seed, order in seeds(node):
            if (seed, order) not in self._settled:
                known = _around(seed, order, self._forms)
                found = _plan(known, order, self._favoured)
                if found is not None:
                    yield found
                else:
                    self._settled.update((each, order) for each in known)


def _plan(known: dict[ir.Node, Form], order: Order, favoured: str) -> Region | None:
    """The fewest of the ops that leave the fewest Transposes; None where none falls away."""
    liked = [n for n in known if n.op_type == favoured]
    groups = [(group, len(liked) + 1) for group in _groups(known, order)]
    groups += [([flow.FIRST, node], 1) for node in liked]
    chosen = flow.split(groups)
    region = Region(order, {n: f for n, f in known.items() if n in chosen})
    fewer = saved(region)
    return region if fewer > 0 or (fewer == 0 and any(n in chosen for n in liked)) else None


def _around(seed: ir.Node, order: Order, forms: Forms) -> dict[ir.Node, Form]:
    """The ops that can be reached from the seed through others that have a form."""
    found: dict[ir.Node, Form] = {}
    queue, seen = [seed], {seed}
    for node in queue:
        known = forms(node, order) if len(found) < LARGEST else None
        if known is None:
            continue
        found[node] = known
        given = (node.inputs[k] for k in known.data)
        above = [v.producer() for v in given if v is not None]
        below = [] if known.restored else [n for v in node.outputs for n in v.consumers()]
        for other in (*above, *below):
            if other is not None and other not in seen and other.graph is node.graph:
                seen.add(other)
                queue.append(other)
    return found


def _groups(known: dict[ir.Node, Form], order: Order) -> Iterator[list[ir.Node | str]]:
    """What belongs together: one Transpose is needed where such a group is torn apart."""
    region = Region(order, known)
    turned = dict.fromkeys(region.turned())
    for value in turned:
        seen = readers(value, known, order)
        kept = [flow.SECOND] if seen.plain or seen.is_output else []
        wished = [flow.FIRST] if order in seen.orders.values() else []
        maker = value.producer()
        yield [*([maker] if maker is not None else []), *seen.inside, *kept, *wished]
    for value in dict.fromkeys(v for _, _, v in region.reads() if v not in turned):
        seen, before = readers(value, known, order), order_of(value.producer())
        if before is None:
            yield [flow.SECOND, *seen.inside]
        elif not is_straight(both(before, order)):
            yield [*seen.inside, *([flow.SECOND] if seen.outside else [])]
        elif not seen.outside:
            yield [flow.FIRST, *seen.inside]
