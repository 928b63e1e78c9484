"""A Transpose between two Reshapes that only joins and parts axes becomes a Transpose alone.

    Reshape<b>(Transpose<p>(Reshape<a>(x)))   ->   Transpose<q>(x)

a joins neighbouring axes of x to one each, b parts them again as they were: what p did to the
groups q does to the axes in them. It is how the keys of attention are turned by exporters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import terms
from mcompile.algebra.patterns import made, read_by, stand_in
from mcompile.rules import Phase, Rule, Skip

_ONE: terms.Term = 1
_RESHAPING = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")


@dataclass(frozen=True)
class Regrouped:
    """The last Reshape, what the first one reads, and the order of its axes."""

    last: ir.Node
    source: ir.Value
    order: tuple[int, ...]


class FoldRegroupedTranspose(Rule[Regrouped]):
    root = "Reshape"
    phase = Phase.FOLD

    def match(self, node: ir.Node) -> Regrouped | Skip | None:
        between = made(node.inputs[0], "Transpose")
        first = made(between.inputs[0], "Reshape") if between is not None else None
        source = first.inputs[0] if first is not None else None
        if between is None or first is None or source is None or _in_a_row(node, source):
            return None
        order = _order(source, first, between, node.outputs[0])
        if order is None:
            return None
        reason = read_by(node, between.outputs[0])
        return Skip(reason) if reason else Regrouped(node, source, order)

    def rewrite(self, found: Regrouped) -> None:
        perm = ir.AttrInt64s("perm", found.order)
        new = ir.Node("", "Transpose", [found.source], [perm], name=found.last.name)
        stand_in(new, found.last)


def _in_a_row(last: ir.Node, source: ir.Value) -> bool:
    """Whether a reshaping op stands at either end: they are made one first."""
    readers = last.outputs[0].consumers()
    behind = any(made(n.outputs[0], *_RESHAPING) is not None for n in readers)
    return behind or made(source, *_RESHAPING) is not None


def _order(
    source: ir.Value, first: ir.Node, between: ir.Node, end: ir.Value
) -> tuple[int, ...] | None:
    """The order of axes that all three make together; None where they make something else."""
    before, middle, after = (terms.sizes(v) for v in (source, first.outputs[0], end))
    perm = between.attributes.get("perm")
    if before is None or middle is None or after is None or perm is None:
        return None
    groups = _groups(before, middle) or _groups_beside(before, middle, _left_over(first))
    if groups is None:
        return None
    order = tuple(axis for place in perm.as_ints() for axis in groups[place])
    return order if tuple(before[axis] for axis in order) == after else None


def _left_over(reshape: ir.Node) -> int | None:
    """The place of the -1 in the shape that a Reshape is asked for."""
    asked = graph.array(reshape.inputs[1])
    places = [] if asked is None else [k for k, n in enumerate(asked.reshape(-1)) if n == -1]
    return places[0] if places else None


def _groups_beside(
    fine: Sequence[terms.Term], coarse: Sequence[terms.Term], place: int | None
) -> list[tuple[int, ...]] | None:
    """As `_groups`, where the size at that place is whatever the axes beside it leave over."""
    if place is None:
        return None
    behind = len(coarse) - place - 1
    for start in range(len(fine)):
        for end in range(start + 1, len(fine) + 1):
            front, back = (
                _groups(fine[:start], coarse[:place]),
                _groups(fine[end:], coarse[place + 1 :]),
            )
            if front is not None and back is not None and len(back) == behind:
                return [
                    *front,
                    tuple(range(start, end)),
                    *(tuple(a + end for a in g) for g in back),
                ]
    return None


def _groups(
    fine: Sequence[terms.Term], coarse: Sequence[terms.Term]
) -> list[tuple[int, ...]] | None:
    """Which neighbouring axes were joined to each; None where they were not merely joined."""
    groups, start = [], 0
    for place, size in enumerate(coarse):
        end, product = start, _ONE
        last = place == len(coarse) - 1
        while end < len(fine) and (product != size or end == start or last):
            product = terms.multiply(product, fine[end])
            end += 1
        if product != size:
            return None
        groups.append(tuple(range(start, end)))
        start = end
    return groups if start == len(fine) else None
