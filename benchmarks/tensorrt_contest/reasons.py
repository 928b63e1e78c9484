"""Why a pair stands in one graph and not in the other: each reason a rule about the float graph.

A difference that no rule explains is a fault, of one quantizer or of the rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import onnx

from tensorrt_contest.layout import Pair, Slot

_CONVOLUTIONS = {"Conv", "ConvTranspose"}
_PRODUCTS = {"Gemm", "MatMul"}
_POOLS = {"AveragePool", "GlobalAveragePool", "MaxPool"}
_MOVES = {"Flatten", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"}
_NORMS = {"BatchNormalization", "InstanceNormalization", "LayerNormalization"}
_ACTIVATIONS = {"Clip", "HardSwish"}
_WANTED = _CONVOLUTIONS | _PRODUCTS | _POOLS | _NORMS | _ACTIVATIONS | {"Add", "Mul", "Resize"}
"""What Model Optimizer quantizes for its own sake."""
_LEAST = 16


class Wiring:
    """A float graph: who makes and who reads each value, and what is constant."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.nodes = {n.output[0]: n for n in model.graph.node}
        self.makers = {o: n for n in model.graph.node for o in n.output}
        self.readers: dict[str, list[Slot]] = defaultdict(list)
        for node in model.graph.node:
            for index, name in enumerate(node.input):
                self.readers[name].append((node.output[0], index))
        self.shapes = {t.name: tuple(t.dims) for t in model.graph.initializer}
        self.outputs = {v.name for v in model.graph.output}

    def computed(self, node: onnx.NodeProto) -> list[str]:
        """The inputs that are no constants."""
        return [name for name in node.input if name and name not in self.shapes]

    def fused(self, name: str) -> bool:
        """Whether a convolution makes the value for one reader alone."""
        maker = self.makers.get(name)
        alone = len(self.readers[name]) == 1 and name not in self.outputs
        return alone and maker is not None and maker.op_type in _CONVOLUTIONS

    def behind(self, name: str) -> list[Slot]:
        """Who reads the value, ops that only move it looked through."""
        found: list[Slot] = []
        for slot in self.readers[name]:
            moved = self.nodes[slot[0]].op_type in _MOVES
            found += self.behind(slot[0]) if moved else [slot]
        return found


@dataclass(frozen=True)
class Difference:
    """A pair at `slot` that only one of both graphs has."""

    slot: Slot
    wiring: Wiring
    ours: Mapping[Slot, Pair]
    theirs: Mapping[Slot, Pair]

    @property
    def node(self) -> onnx.NodeProto:
        """Who reads."""
        return self.wiring.nodes[self.slot[0]]

    @property
    def source(self) -> str:
        """What is read."""
        return self.node.input[self.slot[1]]

    @property
    def op(self) -> str:
        """The reader's op."""
        return self.node.op_type


def _two_convolutions(it: Difference) -> bool:
    other = (it.slot[0], 1 - it.slot[1])
    beside = it.theirs if it.slot in it.ours else it.ours
    return it.op == "Add" and all(map(it.wiring.fused, it.node.input)) and other in beside


def _joined(it: Difference) -> bool:
    slots = it.wiring.readers[it.node.output[0]]
    ours = [it.ours[s] for s in slots if s in it.ours]
    again = any(pair.equals(it.ours[it.slot]) for pair in ours)
    return it.op == "Concat" and again and any(s in it.theirs for s in slots)


def _lone_pool(it: Difference) -> bool:
    read = any(slot in it.theirs for slot in it.wiring.behind(it.node.output[0]))
    return it.op in _POOLS and not read


def _small_product(it: Difference) -> bool:
    if it.op not in _PRODUCTS:
        return False
    shape = it.wiring.shapes.get(it.node.input[1], ())
    return 0 < min(shape, default=0) < _LEAST


def _of_two(op: str) -> Callable[[Difference], bool]:
    return lambda it: it.op == op and len(it.wiring.computed(it.node)) == 2


def _attention(it: Difference) -> bool:
    return it.op in _PRODUCTS and it.node.input[1] not in it.wiring.shapes


def _sum(it: Difference) -> bool:
    slots = [(it.slot[0], 0), (it.slot[0], 1)]
    made = [it.wiring.makers[n] for n in it.node.input if it.wiring.fused(n)]
    floats = all((n.output[0], 1) not in it.ours for n in made)
    return it.op == "Add" and floats and not any(s in it.ours for s in slots)


def _shared(it: Difference) -> bool:
    """Whether the pair is there for another reader; at sums they are taken away again later."""
    others = [s for s in it.wiring.readers[it.source] if s != it.slot]
    ops = {s: it.wiring.nodes[s[0]].op_type for s in others}
    return any(o == "Add" or (s in it.theirs and o in _WANTED) for s, o in ops.items())


Rule = tuple[Callable[[Difference], bool], str]
_BRANCHES: dict[str, Rule] = {
    "two convolutions": (
        _two_convolutions,
        "a sum of two convolutions is fused with one of them: with us the later one, there the one "
        "farther from where they part; the other's result is int8 in both",
    ),
}
OURS_ALONE: dict[str, Rule] = _BRANCHES | {
    "joined": (
        _joined,
        "what a Concat joins has the scale of the pair behind it: TensorRT moves that one in front "
        "of the Concat, where ours stands already",
    ),
    "lone pool": (
        _lone_pool,
        "a pool whose result nobody reads as integers: with us it reads them, and what is in front "
        "of it writes a quarter of the bytes",
    ),
    "small product": (
        _small_product,
        "a product with fewer than 16 rows or columns of weights",
    ),
}
"""Rules for pairs that only ours has, first match first, each with what it says."""

THEIRS_ALONE: dict[str, Rule] = _BRANCHES | {
    "attention": (
        _attention,
        "a product of two computed values stays float with us: the inside of attention",
    ),
    "sum": (
        _sum,
        "a sum that is fused with no convolution on integers stays float with us, above all the "
        "stream of a transformer",
    ),
    "gate": (
        _of_two("Mul"),
        "a product of a value and its gate stays float with us",
    ),
    "norm": (
        lambda it: it.op in _NORMS,
        "a norm reads float with us: its mean and variance are those of real numbers",
    ),
    "activation": (
        lambda it: it.op in _ACTIVATIONS,
        "no pair stands between a layer and its activation with us",
    ),
    "resize": (
        lambda it: it.op == "Resize",
        "a Resize reads float with us",
    ),
    "shared pair": (
        _shared,
        "there a value that one reader wants as integers is read so by all; with us others keep "
        "its full precision",
    ),
}
"""Rules for pairs that only Model Optimizer has, first match first."""


def reason(it: Difference) -> str:
    """The name of the rule that explains the difference; empty where none does."""
    rules = OURS_ALONE if it.slot in it.ours else THEIRS_ALONE
    return next((name for name, (holds, _) in rules.items() if holds(it)), "")
