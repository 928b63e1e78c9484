"""Steps of an LSTM, written out one after the other, become one LSTM.

    i, o, f, g = Wx + Rh + b, each with rows of its own
    c' = sigmoid(f) * c + sigmoid(i) * tanh(g)        h' = sigmoid(o) * tanh(c')

At least four steps with the same weights, in float32 (opset 13). The weights may be those of one
product for all gates, of one for each, or of one with x and h joined. An inner c that is read
elsewhere divides the chain, and so does a first step from a constant that is not zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import onnx_ir as ir

from mcompile.algebra import gates, recurrence, unrolled
from mcompile.algebra.gates import made, pairs
from mcompile.algebra.recurrence import Chain, Gate, Step
from mcompile.rules import Phase, Rule, Skip


class _Form(NamedTuple):
    """How a step is written: the values before each gate (i, o, f, g), and the inner ones."""

    before: tuple[ir.Value | None, ...]
    state: ir.Value
    memory: ir.Value
    nodes: tuple[ir.Node, ...]


class FuseLstm(Rule[Chain]):
    root = "Mul"
    phase = Phase.FUSE

    def match(self, node: ir.Node) -> Chain | Skip | None:
        last = _step(node.outputs[0], None)
        if last is None:
            return None
        going_on = recurrence.continues(last)
        found = recurrence.hindered(last) if going_on else recurrence.chain(last, _step)
        if isinstance(found, Chain) and self.opset < unrolled.FIRST_OPSET:
            found = f"it takes opset {unrolled.FIRST_OPSET}, this is {self.opset}"
        if not found and not going_on and _follows_another(last):
            found = f"what goes into {last.hidden.name} is no sum of x and h"
        if isinstance(found, str):
            return Skip(found) if found else None
        return found

    def rewrite(self, found: Chain) -> None:
        unrolled.replace(found, "LSTM")


def _follows_another(step: Step) -> bool:
    """Whether c is that of another step, though h is not."""
    memory = step.memory
    own = memory is not None and made(memory, "Add") is not None and step.before is None
    return memory is not None and own and any(n.op_type == "Tanh" for n in memory.consumers())


def _step(value: ir.Value, like: Step | None) -> Step | None:
    """The step that makes the value; None where none does."""
    for form in _forms(value):
        sums = [s for s in map(gates.total, form.before) if s is not None]
        if len(sums) < 4:
            continue
        before = _previous(sums[0], form.memory, like)
        each = tuple(Gate(s.without(before), s.of(before)) for s in sums)
        nodes = dict.fromkeys((*form.nodes, *(n for s in sums for n in s.nodes)))
        return Step(value, before, each, (*nodes,), form.state, form.memory)
    return None


def _previous(gate: gates.Sum, memory: ir.Value, like: Step | None) -> ir.Value | None:
    """Which of the values that a gate reads is what the previous step made."""
    for source in gate.sources():
        squashed = (made(v, "Tanh") for _, v, _ in pairs(source, "Mul"))
        if any(tanh is not None and tanh.inputs[0] is memory for tanh in squashed):
            return source
    known = like.gates[0].fed.slabs if like is not None else ()
    return next((s.source for s in gate.slabs if any(s.same(k) for k in known)), None)


def _forms(value: ir.Value) -> Iterator[_Form]:
    for mul, opened, squashed in pairs(value, "Mul"):
        out, tanh = made(opened, "Sigmoid"), made(squashed, "Tanh")
        state = tanh.inputs[0] if tanh is not None else None
        if out is None or tanh is None or state is None:
            continue
        for add, kept, new in pairs(state, "Add"):
            for keep, forget, memory in pairs(kept, "Mul", "Sigmoid"):
                for write, entry, candidate in pairs(new, "Mul", "Sigmoid"):
                    cell = made(candidate, "Tanh")
                    opens = [made(v, "Sigmoid") for v in (entry, opened, forget)]
                    ends = [n for n in (*opens, cell) if n is not None]
                    before = tuple(n.inputs[0] for n in ends)
                    if len(before) == 4:
                        nodes = (mul, tanh, add, keep, write, *ends)
                        yield _Form(before, state, memory, nodes)
