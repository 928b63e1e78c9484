"""Which of the ops that could be of 16 bits stay float32 for the sake of their neighbours.

A Cast stands wherever a value is read in another type than it has. An op that hardly computes is
not worth the Casts around it: it joins the float ops on both of its sides, alone or in a chain,
and it joins either side where that takes fewer Casts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import onnx_ir as ir

from mcompile.graph import is_constant
from mcompile.quantize.slots import Slots, is_edge

WORTH = frozenset(
    {"Conv", "ConvTranspose", "DeformConv", "Gemm", "MatMul", "Einsum", "Attention", "If"}
)
"""Ops that pay for Casts around them: their work is what 16 bits are for."""

_LARGE = 1 << 16
"""Bytes of a constant that make any op which reads it worth the Casts: it is stored in half."""

WHY = "it stands among ops that stay float32, and 16 bits would only add Casts"
_ROUNDS = 4


def root(value: ir.Value, half: ir.DataType) -> ir.Value:
    """The value itself, or what it was before it was cast between float32 and 16 bits."""
    maker = value.producer()
    while maker is not None and is_edge(maker, half) and maker.inputs[0] is not None:
        value = maker.inputs[0]
        maker = value.producer()
    return value


def absorbed(
    nodes: Sequence[ir.Node],
    slots: Mapping[ir.Node, Slots],
    kept: Mapping[ir.Node, str],
    half: ir.DataType,
) -> dict[ir.Node, str]:
    """The nodes that stay float32 although nothing in themselves asks for it, with the reason.

    `nodes` are in the order of execution; `kept` are those that stay for a reason of their own.
    """
    halves = {n for n, s in slots.items() if s and n not in kept}
    state = _State(slots, half, halves, _ends(nodes))
    order = [n for n in nodes if n in state.halves and not _is_worth(n)]
    found = [*state.between(order), *state.cheaper(order)]
    return dict.fromkeys(found, WHY)


def _is_worth(node: ir.Node) -> bool:
    tensors = (v.const_value for v in node.inputs if v is not None)
    return node.op_type in WORTH or any(t is not None and t.nbytes >= _LARGE for t in tensors)


def _ends(nodes: Sequence[ir.Node]) -> dict[ir.Value, tuple[ir.Node, int]]:
    """What a branch hands to the If around it, and as which output."""
    choices = (n for n in nodes if n.op_type == "If")
    branches = ((n, b.as_graph().outputs) for n in choices for b in n.attributes.values())
    return {value: (n, i) for n, outputs in branches for i, value in enumerate(outputs)}


@dataclass
class _State:
    slots: Mapping[ir.Node, Slots]
    half: ir.DataType
    halves: set[ir.Node]
    ends: Mapping[ir.Value, tuple[ir.Node, int]]
    _calm: set[ir.Node] = field(default_factory=set)

    def between(self, order: Sequence[ir.Node]) -> list[ir.Node]:
        """Chains that begin and end at float values."""
        for node in order:
            makers = [v.producer() for v in self._read(node) if self._is_half(v)]
            if all(maker in self._calm for maker in makers):
                self._calm.add(node)
        found: set[ir.Node] = set()
        for node in reversed(order):
            readers = [use for made in self._made(node) for use in self._uses(made)]
            if node in self._calm and any(n in found or not is16 for n, is16 in readers):
                found.add(node)
        self.halves -= found
        return [n for n in order if n in found]

    def cheaper(self, order: Sequence[ir.Node]) -> Iterator[ir.Node]:
        """Those that need fewer Casts in float32, as the others stand by then."""
        for _ in range(_ROUNDS):
            flipped = [n for n in order if n in self.halves and self._gain(n) > 0]
            for node in flipped:
                if self._gain(node) > 0:
                    self.halves.discard(node)
                    yield node
            if not flipped:
                return

    def _gain(self, node: ir.Node) -> int:
        """How many Casts fewer there are with the node in float32."""
        gain = 0
        for value in self._read(node):
            stored = self._is_half(value)
            others = {is16 for n, is16 in self._uses(value) if n is not node}
            if (not stored) not in others:  # else that Cast is there anyway
                gain += -1 if stored else 1
        for made in self._made(node):
            wanted = {is16 for _, is16 in self._uses(made)}
            gain += (False in wanted) - (True in wanted)
        return gain

    def _read(self, node: ir.Node) -> list[ir.Value]:
        """What the node reads that is computed, before any Cast at an edge; each once."""
        given = (node.inputs[i] for i in self.slots[node].reads)
        roots = [root(v, self.half) for v in given if v is not None and not is_constant(v)]
        return list(dict.fromkeys(roots))

    def _made(self, node: ir.Node) -> list[ir.Value]:
        return [node.outputs[i] for i in self.slots[node].makes]

    def _is_half(self, value: ir.Value) -> bool:
        maker = value.producer()
        if value.dtype == self.half or maker is None or maker not in self.halves:
            return value.dtype == self.half
        return any(value is v for v in self._made(maker))

    def _uses(self, value: ir.Value) -> Iterator[tuple[ir.Node | None, bool]]:
        """Who reads the value, directly or behind Casts at edges, and whether in 16 bits."""
        for use in value.uses():
            if is_edge(use.node, self.half):
                yield from self._uses(use.node.outputs[0])
            elif use.idx in self.slots.get(use.node, Slots()).reads:
                yield use.node, use.node in self.halves
            else:
                yield use.node, value.dtype == self.half
        if value in self.ends:
            node, index = self.ends[value]
            yield node, node in self.halves and index in self.slots[node].makes
        elif value.is_graph_output():
            yield None, value.dtype == self.half
