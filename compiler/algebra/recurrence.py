"""Steps of a recurrent network in a row, and the one node that makes them all.

    h(t), c(t) = cell(x(t), h(t-1), c(t-1))   ->   Y, Yh, Yc = LSTM(X, W, R, B, , h(0), c(0))

X is the steps' input stacked; where Y is read, its steps are taken out again. A first step from a
state of zeros may have lost its product with them: what is left of it is the bias.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import gates, terms
from mcompile.algebra.gates import Sum
from mcompile.errors import Broken

SHORTEST = 4
"""Steps below which no runtime measured gains: OpenVINO loses up to 15 % on two."""


@dataclass(frozen=True)
class Gate:
    """The sum before a gate: what the input adds to it, and what the previous step does."""

    taken: Sum
    fed: Sum


@dataclass(frozen=True)
class Step:
    """One step: what it makes, what it takes from the previous step, its gates in ONNX's order."""

    hidden: ir.Value
    before: ir.Value | None
    gates: tuple[Gate, ...]
    nodes: tuple[ir.Node, ...]
    state: ir.Value | None = None
    memory: ir.Value | None = None

    @property
    def source(self) -> ir.Value | None:
        """The step's input, if all gates have the same and one product with it."""
        found = {s.source for g in self.gates for s in g.taken.slabs}
        single = all(len(g.taken.slabs) == 1 and len(g.fed.slabs) < 2 for g in self.gates)
        return found.pop() if len(found) == 1 and single else None

    @property
    def fed(self) -> bool:
        """Whether the previous step takes part in every gate."""
        return all(g.fed.sources() == (self.before,) for g in self.gates)

    @property
    def unfed(self) -> bool:
        """Whether it starts from zeros, so that only the bias is left of the previous step."""
        return self.before is None and not any(g.fed.slabs for g in self.gates)


@dataclass(frozen=True)
class Chain:
    """Steps in the order of time."""

    steps: tuple[Step, ...]

    @property
    def end(self) -> ir.Node:
        """The node that makes what the last step makes."""
        return producer(self.steps[-1].hidden)

    @cached_property
    def nodes(self) -> dict[ir.Node, None]:
        """All that computes the steps."""
        return dict.fromkeys(n for s in self.steps for n in s.nodes)

    @property
    def given(self) -> tuple[ir.Value, ...]:
        """What the first step starts from, as far as it is not zero."""
        starts = (self.steps[0].before, self.steps[0].memory)
        return tuple(v for v in starts if v is not None and not is_zero(v))


Reader = Callable[[ir.Value, Step | None], Step | None]
"""Reads the step that makes a value; the other one tells its weights, if it is known."""


def chain(last: Step, read: Reader) -> Chain | str:
    """All the steps that end in this one, or a reason against it; empty for no chain at all."""
    steps, reason = [last], ""
    while (value := steps[-1].before) is not None:
        step = read(value, last)
        if step is None or step.state is not steps[-1].memory:
            break
        reason = _differs(step, last) or _state_read(step, steps[-1])
        if reason:
            break
        steps.append(step)
    if len(steps) == 1:
        return reason
    if len(steps) < SHORTEST:
        return reason or f"{len(steps)} steps: it pays from {SHORTEST} on"
    found = Chain(tuple(steps[::-1]))
    return _unusable(found) or _read_outside(found) or found


def continues(step: Step) -> bool:
    """Whether a product with the same weights reads what the step makes: it is not the last."""
    weights = {s.weight for g in step.gates for s in g.fed.slabs}
    readers = [*step.hidden.consumers()]
    readers += [n for c in readers if c.op_type == "Concat" for n in c.outputs[0].consumers()]
    return any(n.op_type in {"Gemm", "MatMul"} and n.inputs[1] in weights for n in readers)


def producer(value: ir.Value) -> ir.Node:
    """The node that makes what a step makes."""
    node = value.producer()
    if node is None:
        raise Broken(f"no node makes {value.name}", fix="report this model")
    return node


def hindered(step: Step) -> str:
    """Why a step that another one follows ends a chain, in words; empty when it does not."""
    state = step.state
    if state is None or not (state.is_graph_output() or len(state.consumers()) > 2):
        return ""
    return (
        f"{state.name} is an output"
        if state.is_graph_output()
        else f"{state.name} has other readers"
    )


def is_zero(value: ir.Value | None) -> bool:
    """Whether it is zero wherever it is read."""
    filled = gates.made(value, "Expand", "ConstantOfShape")
    if filled is not None and filled.op_type == "Expand":
        return is_zero(filled.inputs[0])
    data = graph.array(value) if graph.is_constant(value) else None
    return (filled is not None and "value" not in filled.attributes) or (
        data is not None and not data.any()
    )


def _differs(step: Step, last: Step) -> str:
    """How the two steps differ, in words; empty when they do not."""
    name = step.hidden.name
    if step.source is None or not (step.fed or step.unfed):
        return f"{name} is another kind of step"
    for mine, other in zip(step.gates, last.gates, strict=True):
        alike = mine.fed.same(other.fed) if step.fed else mine.fed.same_bias(other.fed)
        if not (mine.taken.same(other.taken) and alike):
            return f"{name} has other weights"
    if step.hidden.dtype not in {None, last.hidden.dtype}:
        return f"{name} has another type"
    return ""


def _state_read(step: Step, following: Step) -> str:
    """Who else reads the state, in words; empty when nobody: the one node tells only the last."""
    if step.state is None:
        return ""
    if step.state.is_graph_output():
        return f"{step.state.name} is an output"
    alone = {*step.state.consumers()} <= {*step.nodes, *following.nodes}
    return "" if alone else f"{step.state.name} has other readers"


def _read_outside(found: Chain) -> str:
    """Which inner value is read elsewhere, in words; empty when none is."""
    last = found.steps[-1]
    told = {s.hidden for s in found.steps} | {last.state}
    home = graph.owner(found.end)
    for node in found.nodes:
        if node.graph is not home:
            return f"{node.outputs[0].name} is computed outside of this branch"
        for value in (v for v in node.outputs if v not in told):
            if value.is_graph_output():
                return f"{value.name} is an output"
            if not {*value.consumers()} <= found.nodes.keys():
                return f"{value.name} has other readers"
    return ""


def _unusable(found: Chain) -> str:
    """Why the chain cannot be one node, in words; empty when it can."""
    last, width = found.steps[-1], found.steps[-1].gates[0].taken.bias.size
    inputs = [s.source for s in found.steps]
    slabs = [s for g in last.gates for t in (g.taken, g.fed) for s in t.slabs]
    for slab in slabs:
        if not graph.is_constant(slab.weight):
            return f"{slab.weight.name} is only known at run time"
    if last.hidden.dtype is not ir.DataType.FLOAT:
        return f"{last.hidden.name} is no float32"
    # An output may have names of its own for its sizes, so what makes it is looked at.
    made = [terms.sizes(v) or (None,) for v in found.end.inputs]
    for value in (*inputs, *found.given):
        sizes = terms.sizes(value)
        if sizes is None or len(sizes) != 2 or any(m[0] != sizes[0] for m in made):
            return f"the batch size may change from step to step of {last.hidden.name}"
    widths: list[object] = [g.bias.size for e in last.gates for g in (e.taken, e.fed)]
    widths += [*(m[-1] for m in made), *((terms.sizes(v) or (0,))[-1] for v in found.given)]
    if any(w != width for w in widths):
        return f"the gates of {last.hidden.name} are of several sizes"
    looped = next((v for v in inputs if _reaches(v, found.nodes.keys())), None)
    return f"{looped.name} depends on an earlier step" if looped is not None else ""


def _reaches(value: ir.Value | None, nodes: Collection[ir.Node]) -> bool:
    """Whether the value is computed from what one of the nodes makes."""
    stack = [value.producer() if value is not None else None]
    seen = {*stack, None}
    while stack:
        node = stack.pop()
        if node is not None and node in nodes:
            return True
        new = {*_above(node)} - seen if node is not None else set()
        seen |= new
        stack.extend(new)
    return False


def _above(node: ir.Node) -> Iterator[ir.Node | None]:
    """The nodes that make what the node, and all its branches, read."""
    branches = [a.as_graph() for a in node.attributes.values() if a.type is ir.AttributeType.GRAPH]
    for each in (node, *(n for g in branches for n in g.all_nodes())):
        yield from (v.producer() for v in each.inputs if v is not None)
