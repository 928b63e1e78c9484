"""Steps of a GRU, written out one after the other, become one GRU.

    z, r = sigmoid(Wx + Rh + b), each with rows of its own
    n = tanh(Wx + b + r * (Rh + d))        h' = (h - n) * z + n    or    (1 - z) * n + z * h

At least four steps with the same weights, in float32 (opset 13). The reset gate stands behind the
product with h, as in PyTorch (`linear_before_reset`). The weights may be those of one product for
all gates or of one for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import gates, recurrence, unrolled
from mcompile.algebra.gates import made, pairs
from mcompile.algebra.recurrence import Chain, Gate, Step
from mcompile.rules import Phase, Rule, Skip

_Blend: TypeAlias = tuple[ir.Node, ir.Node, ir.Value, tuple[ir.Node, ...]]


class _Form(NamedTuple):
    """How a step is written: the values before its gates (z, r), those of n apart, and h."""

    update: ir.Value | None
    reset: ir.Value | None
    taken: ir.Value
    fed: ir.Value
    before: ir.Value
    nodes: tuple[ir.Node, ...]


class FuseGru(Rule[Chain]):
    root = "Add"
    phase = Phase.FUSE

    def match(self, node: ir.Node) -> Chain | Skip | None:
        last = _step(node.outputs[0], None)
        if last is None or recurrence.continues(last):
            return None
        found = recurrence.chain(last, _step)
        if isinstance(found, Chain) and self.opset < unrolled.FIRST_OPSET:
            found = f"it takes opset {unrolled.FIRST_OPSET}, this is {self.opset}"
        if isinstance(found, str):
            return Skip(found) if found else None
        return found

    def rewrite(self, found: Chain) -> None:
        unrolled.replace(found, "GRU", [ir.AttrInt64("linear_before_reset", 1)])


def _step(value: ir.Value, _like: Step | None) -> Step | None:
    """The step that makes the value; None where none does."""
    for form in _forms(value):
        before_gates = (form.update, form.reset, form.taken, form.fed)
        sums = [s for s in map(gates.total, before_gates) if s is not None]
        if len(sums) < len(before_gates):
            continue
        before: ir.Value | None = form.before
        if recurrence.is_zero(before):  # it may be another zero than the one that is multiplied
            before = next((v for v in sums[3].sources() if recurrence.is_zero(v)), None)
        each = [Gate(s.without(before), s.of(before)) for s in sums[:2]]
        nodes = dict.fromkeys((*form.nodes, *(n for s in sums for n in s.nodes)))
        return Step(value, before, (*each, Gate(sums[2], sums[3])), (*nodes,))
    return None


def _forms(value: ir.Value) -> Iterator[_Form]:
    for update, candidate, before, nodes in (*_moved(value), *_mixed(value)):
        for add, taken, product in pairs(candidate.inputs[0], "Add"):
            for mul, entry, fed in pairs(product, "Mul", "Sigmoid"):
                reset = made(entry, "Sigmoid")
                if reset is not None:
                    inner = (*nodes, update, candidate, add, mul, reset)
                    yield _Form(update.inputs[0], reset.inputs[0], taken, fed, before, inner)


def _moved(value: ir.Value) -> Iterator[_Blend]:
    """(h - n) * z + n"""
    for end, changed, kept in pairs(value, "Add"):
        for mul, entry, difference in pairs(changed, "Mul", "Sigmoid"):
            update, candidate = made(entry, "Sigmoid"), made(kept, "Tanh")
            sub = made(difference, "Sub")
            before = sub.inputs[0] if sub is not None and sub.inputs[1] is kept else None
            if update and candidate and sub and before:
                yield update, candidate, before, (end, mul, sub)


def _mixed(value: ir.Value) -> Iterator[_Blend]:
    """(1 - z) * n + z * h"""
    for end, new, old in pairs(value, "Add"):
        for keep, entry, before in pairs(old, "Mul", "Sigmoid"):
            for mul, rest, fresh in pairs(new, "Mul", "Sub"):
                update, candidate = made(entry, "Sigmoid"), made(fresh, "Tanh")
                sub = made(rest, "Sub")
                if (
                    update
                    and candidate
                    and sub
                    and sub.inputs[1] is entry
                    and _is_one(sub.inputs[0])
                ):
                    yield update, candidate, before, (end, keep, mul, sub)


def _is_one(value: ir.Value | None) -> bool:
    data = graph.array(value) if graph.is_constant(value) else None
    return data is not None and bool((data == 1).all())
