"""Where channels come from: through joins, cuts and shuffles back to what made them.

    Concat and Split along axis 1, and Reshape, Transpose, Reshape that exchange groups of channels

only move channels. What none of them made is a source; what another node reads is an end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import onnx_ir as ir

from mcompile import graph

Channel = tuple[ir.Value, int]
"""A channel of a source."""


@dataclass(eq=False)
class Region:
    """All that is joined, cut and shuffled together; `ends` in the order they were found."""

    sources: dict[ir.Value, None] = field(default_factory=dict)
    ends: dict[ir.Value, list[ir.Node]] = field(default_factory=dict)
    moved: dict[ir.Value, None] = field(default_factory=dict)

    def channels(self, value: ir.Value) -> list[Channel]:
        """Every channel of a value, where it comes from."""
        return _Paths(self).of(value)


@dataclass(frozen=True, eq=False)
class Shuffle:
    """Channel k of `made` is channel (k % groups) * (C / groups) + k // groups of `source`."""

    source: ir.Value
    made: ir.Value
    groups: int


def size(value: ir.Value) -> int | None:
    """How many channels a value has, where it is known."""
    dims = graph.dims(value)
    found = dims[1] if dims is not None and len(dims) > 1 else None
    return found if isinstance(found, int) else None


def shuffle(transpose: ir.Node) -> Shuffle | None:
    """The shuffle that the node is the middle of."""
    if transpose.op_type != "Transpose" or transpose.domain or transpose.inputs[0] is None:
        return None
    before, after = transpose.inputs[0].producer(), graph.sole_user(transpose.outputs[0])
    apart = graph.dims(transpose.inputs[0])
    if before is None or after is None or {before.op_type, after.op_type} != {"Reshape"}:
        return None
    if graph.sole_user(transpose.inputs[0]) is not transpose or apart is None or len(apart) < 4:
        return None
    perm = tuple(transpose.attributes.get_ints("perm", ()))
    source, made = before.inputs[0], after.outputs[0]
    if source is None or perm != (0, 2, 1, *range(3, len(apart))):
        return None
    shape, wide, groups = graph.dims(source), size(source), apart[1]
    fits = wide is not None and isinstance(groups, int) and apart[2] == wide // groups
    if not fits or shape is None or graph.dims(made) != shape or apart[0] != shape[0]:
        return None
    return Shuffle(source, made, groups) if isinstance(groups, int) else None


def region(found: Shuffle) -> Region | None:
    """All that the shuffle is joined with; None where a number of channels is not known."""
    made, waiting = Region(), [found.made]
    seen: set[ir.Value] = set()
    while waiting:
        value = waiting.pop(0)
        if value in seen:
            continue
        seen.add(value)
        if size(value) is None:
            return None
        given = _given(value)
        if given is None:
            made.sources[value] = None
        else:
            made.moved[value] = None
            waiting += given
        others, handed_on = _readers(value)
        waiting += handed_on
        if others or value.is_graph_output():
            made.ends[value] = others
    return made


def _given(value: ir.Value) -> list[ir.Value] | None:
    """What a value's channels are moved from; None for a source."""
    node = value.producer()
    if node is None or node.domain:
        return None
    if node.op_type in ("Concat", "Split"):
        along = graph.integer(node, "axis", 0) % len(value.shape or (0,)) == 1
        return [v for v in node.inputs[: 1 if node.op_type == "Split" else None] if v] \
            if along else None  # fmt: skip
    back = node.inputs[0].producer() if node.op_type == "Reshape" and node.inputs[0] else None
    found = shuffle(back) if back is not None else None
    return None if found is None else [found.source]


def _readers(value: ir.Value) -> tuple[list[ir.Node], list[ir.Value]]:
    """Who reads a value and does not only move its channels, and what the others make."""
    others, made = [], []
    for node in dict.fromkeys(u.node for u in value.uses()):
        outs = [node.outputs[0]]
        if node.op_type == "Split":
            outs = [v for v in node.outputs if v.name]
        elif node.op_type == "Reshape":
            middle = graph.sole_user(node.outputs[0])
            found = shuffle(middle) if middle is not None else None
            outs = [] if found is None else [found.made]
        moves = [v for v in outs if value in (_given(v) or ())]
        made += moves
        if not moves:
            others.append(node)
    return others, made


class _Paths:
    def __init__(self, region: Region) -> None:
        self._region = region
        self._known: dict[ir.Value, list[Channel]] = {}

    def of(self, value: ir.Value) -> list[Channel]:
        if value not in self._known:
            self._known[value] = self._found(value)
        return self._known[value]

    def _found(self, value: ir.Value) -> list[Channel]:
        count, node = size(value) or 0, value.producer()
        if value in self._region.sources or node is None:
            return [(value, k) for k in range(count)]
        if node.op_type == "Concat":
            return [c for v in node.inputs if v is not None for c in self.of(v)]
        first = node.inputs[0]
        assert first is not None  # both ops need it
        if node.op_type == "Split":
            before = [size(v) or 0 for v in node.outputs[: node.outputs.index(value)]]
            return self.of(first)[sum(before) : sum(before) + count]
        middle = first.producer()
        found = shuffle(middle) if middle is not None else None
        assert found is not None  # else it were a source
        every, groups = self.of(found.source), found.groups
        return [every[k % groups * (count // groups) + k // groups] for k in range(count)]
