"""Puts one LSTM or GRU in the place of a chain of steps.

    Y, Yh, Yc = LSTM(Concat(x(1), .., x(T)), W, R, B, , h(0), c(0))      h(t) = Y[t]

The gates' weights are laid one under the other in ONNX's order. The bias of what the input adds and
of what the previous step adds stay apart: a GRU needs them so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra.recurrence import Chain, is_zero

FIRST_OPSET = 13


def replace(found: Chain, op: str, settings: Sequence[ir.Attr] = ()) -> None:
    """Redirect all that reads the steps to one node, in a graph sorted anew."""
    last, site = found.steps[-1], _Site(found.end)
    every, final, *state = _outputs(site, found, op, settings)
    wanted = [t for t, s in enumerate(found.steps) if _read(s.hidden, found)]
    if wanted in ([], [len(found.steps) - 1]):
        _put(found, last.hidden, site.squeezed(final, 0))
    else:
        _take_out(site, found, site.squeezed(every, 1), wanted)
    if last.state is not None and _read(last.state, found):
        _put(found, last.state, site.squeezed(state[0], 0))
    site.home.sort()


class _Site:
    """Where new nodes go: before the last step."""

    def __init__(self, end: ir.Node) -> None:
        self.end = end
        self.home = graph.owner(end)
        self.axes: dict[int, ir.Value] = {}

    def unsqueezed(self, value: ir.Value) -> ir.Value:
        """The value with a new first axis."""
        shape = ir.Shape([1, *(value.shape or ())])
        return self.new("Unsqueeze", [value, self._axis(0)], shape)

    def squeezed(self, value: ir.Value, axis: int) -> ir.Value:
        """The value without that axis."""
        sizes = list(value.shape or ())
        shape = ir.Shape(sizes[:axis] + sizes[axis + 1 :])
        return self.new("Squeeze", [value, self._axis(axis)], shape)

    def new(
        self, op: str, inputs: Sequence[ir.Value], shape: ir.Shape, axis: int | None = None
    ) -> ir.Value:
        """What a new node makes of these."""
        node = ir.Node("", op, inputs, [] if axis is None else [ir.AttrInt64("axis", axis)])
        self.home.insert_before(self.end, node)
        self.describe(node.outputs[0], f"{graph.name_of(inputs[0])}_{op.lower()}", shape)
        return node.outputs[0]

    def describe(self, value: ir.Value, stem: str, shape: ir.Shape) -> None:
        """Give the value its name, type and shape."""
        value.name, value.shape = graph.fresh(self.home, stem), shape
        value.dtype = ir.DataType.FLOAT

    def _axis(self, axis: int) -> ir.Value:
        if axis not in self.axes:
            data = np.array([axis], np.int64)
            self.axes[axis] = graph.constant(self.home, f"axis_{axis}", data)
        return self.axes[axis]


def _outputs(site: _Site, found: Chain, op: str, settings: Sequence[ir.Attr]) -> Sequence[ir.Value]:
    """What the new node makes: every h, the last one and, for an LSTM, the last c."""
    first, last = found.steps[0], found.steps[-1]
    stem, width = graph.name_of(last.hidden), last.gates[0].taken.bias.size
    starts: list[ir.Value | None] = [
        None if v is None or is_zero(v) else site.unsqueezed(v)
        for v in (first.before, first.memory)
    ]
    stacked = _stacked(site, found)
    inputs = [stacked, *_weights(site, found), None, *starts]
    while inputs[-1] is None:
        inputs.pop()
    count = 2 if last.state is None else 3
    given = [ir.AttrInt64("hidden_size", width), *settings]
    node = ir.Node("", op, inputs, given, num_outputs=count, name=site.end.name)
    site.home.insert_before(site.end, node)
    sizes = [1, *list(stacked.shape or ())[1:2], width]
    for value, name in zip(node.outputs, ("all", "last", "state"), strict=False):
        steps = [len(found.steps)] if value.index() == 0 else []
        site.describe(value, f"{stem}_{name}", ir.Shape([*steps, *sizes]))
    return node.outputs


def _weights(site: _Site, found: Chain) -> list[ir.Value]:
    """W, R and B."""
    last = found.steps[-1]
    taken, fed = [g.taken for g in last.gates], [g.fed for g in last.gates]
    given = {
        "input_weight": np.concatenate([s.slabs[0].matrix() for s in taken]),
        "hidden_weight": np.concatenate([s.slabs[0].matrix() for s in fed]),
        "bias": np.concatenate([s.bias for s in (*taken, *fed)]).astype(np.float32),
    }
    stem = graph.name_of(last.hidden)
    return [
        graph.constant(site.home, f"{stem}_{name}", np.ascontiguousarray(data[None]))
        for name, data in given.items()
    ]


def _stacked(site: _Site, found: Chain) -> ir.Value:
    """The inputs of all steps, along a new first axis."""
    sources = [v for v in (s.source for s in found.steps) if v is not None]
    known = {v: site.unsqueezed(v) for v in dict.fromkeys(sources)}
    pieces = [known[v] for v in sources]
    shape = ir.Shape([len(pieces), *list(pieces[0].shape or ())[1:]])
    return site.new("Concat", pieces, shape, 0)


def _take_out(site: _Site, found: Chain, every: ir.Value, wanted: Sequence[int]) -> None:
    """Let what reads these steps read them from the stack of all."""
    shape = ir.Shape(list(every.shape or ())[1:])
    for t in wanted:
        at = graph.constant(site.home, "step", np.array(t, np.int64))
        _put(found, found.steps[t].hidden, site.new("Gather", [every, at], shape, 0))


def _read(value: ir.Value, found: Chain) -> bool:
    """Whether anything but the chain reads the value."""
    return value.is_graph_output() or not {*value.consumers()} <= found.nodes.keys()


def _put(found: Chain, old: ir.Value, new: ir.Value) -> None:
    """Let all but the chain itself read the new value: the chain is left to be swept up."""
    inner = [u for u in old.uses() if u.node in found.nodes]
    if not old.is_graph_output():
        old.name, new.name = new.name, old.name
    graph.replace(old, new)
    for use in inner:
        use.node.replace_input_with(use.idx, old)
