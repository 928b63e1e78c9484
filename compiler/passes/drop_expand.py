"""An Expand is left out for readers that broadcast by themselves.

    Add(Expand(m, [batch, 1, 32, 32]), s)  ->  Add(m, s)        s: [batch, 12, 32, 32]

The reader's output keeps its shape where, dimension by dimension from the last, either the Expand
changes nothing or another operand of that reader has the size that the Expand would give. What
could be computed beforehand has been by then: an Expand of a constant to fixed sizes is one too.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from mcompile.algebra import extents, terms
from mcompile.algebra.terms import Term
from mcompile.rules import Phase, Rule

BROADCAST = frozenset(
    {"Add", "And", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Equal", "Expand", "Greater"}
    | {"GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean", "Min", "Mod", "Mul", "Or", "Pow"}
    | {"Sub", "Sum", "Where", "Xor"}
)
_BROADCASTS_ALL = 8


@dataclass(frozen=True)
class Needless:
    """A tensor, and the places that read it in its expanded form and need not."""

    source: ir.Value
    places: tuple[tuple[ir.Node, int], ...]


class DropExpand(Rule[Needless]):
    root = "Expand"
    phase = Phase.FOLD

    def match(self, node: ir.Node) -> Needless | None:
        source, given = node.inputs[0], terms.sizes(node.inputs[0])
        if source is None or given is None or self.opset < _BROADCASTS_ALL:
            return None
        wide = _expanded(node, given)
        if wide is None:
            return None
        uses = [(use.node, use.idx) for use in node.outputs[0].uses()]
        places = tuple((n, k) for n, k in uses if _broadcasts(n, k, given, wide))
        return Needless(source, places) if places else None

    def rewrite(self, found: Needless) -> None:
        for node, index in found.places:
            node.replace_input_with(index, found.source)


def _expanded(node: ir.Node, given: tuple[Term, ...]) -> tuple[Term, ...] | None:
    """The sizes that the Expand gives: those asked for, and the tensor's own where 1 is asked."""
    asked = extents.entries(node.inputs[1])
    if asked is None or asked.scalar or len(asked.terms) < len(given):
        return terms.sizes(node.outputs[0])
    own = (1,) * (len(asked.terms) - len(given)) + given
    return tuple(g if a == 1 else a for a, g in zip(asked.terms, own, strict=True))


def _broadcasts(
    reader: ir.Node, index: int, given: tuple[Term, ...], wide: tuple[Term, ...]
) -> bool:
    """Whether what the reader makes keeps its shape when it reads the narrow tensor."""
    if reader.op_type not in BROADCAST or reader.domain not in {"", "ai.onnx"}:
        return False
    if reader.op_type == "Expand":
        asked = extents.entries(reader.inputs[1]) if index == 0 else None
        others = [asked.terms] if asked is not None and not asked.scalar else []
    else:
        rest = (v for v in reader.inputs if v is not reader.inputs[index])
        others = [sizes for v in rest if (sizes := terms.sizes(v)) is not None]
    return all(
        _at(given, k) == size or any(_at(other, k) == size for other in others)
        for k, size in ((k, wide[-k]) for k in range(1, len(wide) + 1))
    ) and (len(given) == len(wide) or any(len(other) >= len(wide) for other in others))


def _at(sizes: tuple[Term, ...], place: int) -> Term:
    """The size that many places from the end; broadcasting puts ones before the first."""
    return sizes[-place] if place <= len(sizes) else 1
