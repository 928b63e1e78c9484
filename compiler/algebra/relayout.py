"""Gives some ops another order of axes, with a Transpose wherever they meet what keeps the old one.

Two Transposes in a row become one there, and none where the second undoes the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra.orders import Order, both, is_straight, order_of, reversing
from mcompile.algebra.permuted import Form
from mcompile.sweep import sweep

_changes = [0]


@dataclass(frozen=True)
class Region:
    """The ops to change, each with its form, and the order that their data is to have."""

    order: Order
    forms: dict[ir.Node, Form]

    def turned(self) -> Iterator[ir.Value]:
        """What the ops make and hand out in the new order."""
        for node, form in self.forms.items():
            if not form.restored:
                yield from node.outputs

    def reads(self) -> Iterator[tuple[ir.Node, int, ir.Value]]:
        """Which op takes which value as its data, at which place."""
        for node, form in self.forms.items():
            for index in form.data:
                if (value := node.inputs[index]) is not None:
                    yield node, index, value


@dataclass(frozen=True)
class Readers:
    """Who reads a value: ops that may take it in another order, Transposes, and all others."""

    inside: list[ir.Node]
    orders: dict[ir.Node, Order]
    plain: list[tuple[ir.Node, int]]
    is_output: bool

    @property
    def outside(self) -> bool:
        return bool(self.orders or self.plain or self.is_output)


def readers(value: ir.Value, forms: dict[ir.Node, Form], order: Order) -> Readers:
    """Who reads the value, where those ops have a form in that order."""
    found = Readers([], {}, [], value.is_graph_output())
    maker = value.producer()
    home = maker.graph if maker is not None else value.graph
    named = False
    for use in value.uses():
        form, other = forms.get(use.node), order_of(use.node)
        output = other == order and use.node.outputs[0].is_graph_output()
        if form is not None and use.idx in form.data:
            found.inside.append(use.node)
        elif other is None or use.node.graph is not home or (output and named):
            found.plain.append(
                (use.node, use.idx)
            )  # a value can take the place of one output, not of two
        else:
            named = named or output
            found.orders[use.node] = other
    return found


def version() -> int:
    """A number that is another one after each change: what was looked at before may be stale."""
    return _changes[0]


def saved(region: Region) -> int:
    """How many Transposes fewer there are when the region is changed."""
    made = {w for _, _, v in region.reads() if not is_straight((w := _wanted(region, v))[1])}
    gone = set(_unread(region))
    count = 0
    for value in region.turned():
        seen = readers(value, region.forms, region.order)
        count += bool(seen.plain or seen.is_output)
        gone.update(n for n, order in seen.orders.items() if order == region.order)
    return len(gone) - len(made) - count


def apply(region: Region) -> None:
    """Change the ops in place, and drop the Transposes that nobody needs any more."""
    _changes[0] += 1
    wants = [(node, k, _wanted(region, v)) for node, k, v in region.reads()]
    makers = [m for _, _, v in region.reads() if (m := v.producer()) and order_of(m)]
    kept = {v: readers(v, region.forms, region.order) for v in region.turned()}
    back = reversing(region.order)
    for value, seen in kept.items():
        _hand_out(value, seen, back)
    for node, form in region.forms.items():
        _rename_axes(node, form)
    made: dict[tuple[ir.Value, Order], ir.Value] = {}
    for node, index, (source, order) in wants:
        if (source, order) not in made:
            made[source, order] = _transposed(source, order, graph.owner(node))
        node.replace_input_with(index, made[source, order])
    for value, seen in kept.items():
        for node, order in seen.orders.items():
            _shorten(node, value, both(back, order))
    sweep([*makers, *(n for seen in kept.values() for n in seen.orders)])


def _wanted(region: Region, value: ir.Value) -> tuple[ir.Value, Order]:
    """What to take, and in which order, to have the value in the new order."""
    order, maker = region.order, value.producer()
    before = order_of(maker)
    if maker is not None and before is not None and maker.inputs[0] is not None:
        value, order = maker.inputs[0], both(before, order)
    maker = value.producer()
    form = region.forms.get(maker) if maker is not None else None
    if form is None or form.restored:
        return value, order
    return value, both(reversing(region.order), order)


def _unread(region: Region) -> Iterator[ir.Node]:
    """The Transposes that only the region reads."""
    for _, _, value in region.reads():
        maker = value.producer()
        if maker is None or order_of(maker) is None:
            continue
        if not readers(value, region.forms, region.order).outside:
            yield maker


def _hand_out(value: ir.Value, seen: Readers, back: Order) -> None:
    """Let those who keep the old order read the value through a Transpose, under its old name."""
    maker = value.producer()
    if maker is not None and (seen.plain or seen.is_output):
        new = _node(back, value, graph.owner(maker))
        output = new.outputs[0]
        graph.owner(maker).insert_after(maker, new)
        for node, index in seen.plain:
            node.replace_input_with(index, output)
        output.type, output.shape = value.type, value.shape.copy() if value.shape else value.shape
        if seen.is_output:
            _replace_output(value, output)
        value.name, output.name = output.name, value.name
    if value.shape is not None:
        forward = reversing(back)
        value.shape = ir.Shape([value.shape[k] for k in forward])


def _replace_output(old: ir.Value, new: ir.Value) -> None:
    outputs = old.graph.outputs if old.graph is not None else []
    for k, value in enumerate(outputs):
        if value is old:
            outputs[k] = new


def _node(order: Order, source: ir.Value, home: ir.Graph) -> ir.Node:
    new = ir.Node("", "Transpose", [source], [ir.AttrInt64s("perm", order)])
    new.outputs[0].name = graph.fresh(home, f"{graph.name_of(source)}_transposed")
    return new


def _transposed(source: ir.Value, order: Order, home: ir.Graph) -> ir.Value:
    """The value in that order."""
    if is_straight(order):
        return source
    new, maker = _node(order, source, home), source.producer()
    if maker is not None and maker.graph is home:
        home.insert_after(maker, new)
    else:
        home.insert_before(home.node(0), new)
    output = new.outputs[0]
    output.type = source.type
    if source.shape is not None:
        output.shape = ir.Shape([source.shape[k] for k in order])
    return output


def _shorten(node: ir.Node, source: ir.Value, order: Order) -> None:
    """Let a Transpose read the value in its new order."""
    if is_straight(order):
        graph.replace(node.outputs[0], source)
        return
    node.attributes["perm"] = ir.AttrInt64s("perm", order)
    node.replace_input_with(0, source)


def _rename_axes(node: ir.Node, form: Form) -> None:
    home = graph.owner(node)
    for name, given in form.attributes.items():
        made = ir.AttrInt64(name, given) if isinstance(given, int) else ir.AttrInt64s(name, given)
        node.attributes[name] = made
    for index, data in form.constants.items():
        old = node.inputs[index] if index < len(node.inputs) else None
        stem = graph.name_of(old if old is not None else node.outputs[0])
        if index >= len(node.inputs):
            node.resize_inputs(index + 1)
        node.replace_input_with(index, graph.constant(home, f"{stem}_transposed", np.asarray(data)))
