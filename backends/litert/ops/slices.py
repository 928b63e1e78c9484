"""Parts of a value: SPLIT, SLICE and STRIDED_SLICE."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.demands import sooner
from mcompile.backends.litert.draft import FREE, Tensor
from mcompile.backends.litert.kernels import CODES, demand
from mcompile.backends.litert.layout import Order, arranged
from mcompile.backends.litert.lowering import BOTH, Lowering
from mcompile.backends.litert.settled import settle
from mcompile.backends.litert.views import View
from mcompile.backends.litert.walk import Walk

_STRIDED = CODES | {"bool", "uint32"}
_MOST_OUTPUTS = 4  # that XNNPACK splits into; it knows no SPLIT_V either
_MOST_AXES = 5


@dataclass(frozen=True)
class Range:
    """Entries start, start + step, ... of an axis, `count` of them."""

    start: int
    count: int
    step: int = 1

    @classmethod
    def of(cls, start: int, end: int, step: int, size: int) -> Range:
        """What Slice means by the three numbers on an axis of that size."""
        covered = range(size)[slice(start, end if step > 0 or end >= -size else None, step)]
        return cls(covered.start, len(covered), step)

    def is_all(self, size: int) -> bool:
        """Whether it leaves the axis as it is."""
        return (self.start, self.count) == (0, size) and (self.step == 1 or size == 1)


Ranges = dict[int, Range]
"""By axis; the others are whole."""


def part(walk: Walk, value: ir.Value, ranges: Ranges, behind: Order | None) -> View:
    """A part of a value, in the order `behind` where the value has to move anyway."""
    shape = walk.shape(value)
    kept = {a: r for a, r in ranges.items() if not r.is_all(shape[a])}
    view = walk.view(value)
    if not kept:
        return view
    single = {a for a, r in kept.items() if r.count == 1}
    order = chosen(view, behind, single)
    source = demand(walk, walk.read(value, order), _STRIDED)
    made = _cut(walk, source, {order.index(a): r for a, r in kept.items()})
    return View.of(made, order)


def chosen(view: View, behind: Order | None, single: Collection[int] = ()) -> Order:
    """The order to take a value apart in: the one it has where none is asked for.

    It is that too where nothing but axes of which a `single` entry is left lie otherwise.
    """
    near = view.nearest()
    if behind is None or len(behind) != len(near):
        return near
    left = [[a for a in order if a not in single] for order in (near, behind)]
    return near if left[0] == left[1] and view.holds(near) else behind


def _cut(walk: Walk, source: Tensor, ranges: Ranges) -> Tensor:
    """The part of a tensor; `ranges` by its axes in memory."""
    shape = tuple(ranges[a].count if a in ranges else n for a, n in enumerate(source.shape))
    for axis in ranges:
        if walk.draft.is_free(source.shape[axis]) and ranges[axis].start + ranges[axis].count > 64:
            raise walk.place.refused("it takes a part of the size that is free")
    if len(shape) > _MOST_AXES:
        return _narrowed(walk, source, ranges, shape)
    made = walk.scratch(source, shape)
    if all(r.step == 1 for r in ranges.values()):
        begin = [ranges[a].start if a in ranges else 0 for a in range(len(shape))]
        size = [FREE if walk.draft.is_free(n) else n for n in shape]
        vectors = [_vector(walk, "begin", begin), _vector(walk, "size", size)]
        walk.draft.emit("SLICE", [source, *vectors], [made], "SliceOptions")
    else:
        _strided(walk, source, ranges, made)
    return made


def _strided(walk: Walk, source: Tensor, ranges: Ranges, made: Tensor) -> None:
    """STRIDED_SLICE; a mask stands for the ends that no number names."""
    every = [ranges.get(a, Range(0, n)) for a, n in enumerate(source.shape)]
    ends = [r.start + r.count * r.step for r in every]
    mask = sum(1 << a for a, end in enumerate(ends) if end < 0 or a not in ranges)
    vectors = [
        _vector(walk, "begin", [r.start for r in every]),
        _vector(walk, "end", [max(e, 0) if a in ranges else 0 for a, e in enumerate(ends)]),
        _vector(walk, "strides", [r.step for r in every]),
    ]
    walk.draft.emit(
        "STRIDED_SLICE", [source, *vectors], [made], "StridedSliceOptions", endMask=mask
    )


def _narrowed(walk: Walk, source: Tensor, ranges: Ranges, shape: Sequence[int]) -> Tensor:
    """The same on a tensor of fewer axes: whole neighbours become one."""
    runs: list[list[int]] = []
    for axis in range(len(shape)):
        if runs and axis not in ranges and runs[-1][-1] not in ranges:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    if len(runs) > _MOST_AXES:
        raise walk.place.refused(f"it cuts a value of {len(shape)} axes on too many of them")
    merged = walk.scratch(source, [int(np.prod([source.shape[a] for a in r])) for r in runs])
    walk.draft.reshape(source, merged)
    cut = _cut(walk, merged, {k: ranges[r[0]] for k, r in enumerate(runs) if r[0] in ranges})
    made = walk.scratch(source, shape)
    walk.draft.reshape(cut, made)
    return made


def _vector(walk: Walk, name: str, numbers: Sequence[int]) -> Tensor:
    return walk.draft.constant(name, np.array(numbers, np.int32))


def _slice(walk: Walk, node: ir.Node) -> None:
    value = node.inputs[0]
    assert value is not None
    if 0 in walk.shape(node.outputs[0]):
        _empty(walk, node)
        return
    ranges = _ranges(walk, node, walk.shape(value))
    behind = sooner(value, walk.view(value))
    walk.see(part(walk, value, ranges, behind))


def _ranges(walk: Walk, node: ir.Node, shape: Sequence[int]) -> Ranges:
    """Starts, ends, axes, steps: inputs, or attributes as they were before opset 10."""
    names = ("starts", "ends", "axes", "steps")
    found: list[list[int] | None] = []
    for k, name in enumerate(names, 1):
        given = walk.numbers(node.inputs[k]) if len(node.inputs) > k else None
        listed = given.reshape(-1).tolist() if given is not None else None
        found.append(listed or list(node.attributes.get_ints(name, ())) or None)
    starts, ends = found[0] or [], found[1] or []
    axes = found[2] or list(range(len(starts)))
    steps = found[3] or [1] * len(starts)
    every = zip(axes, starts, ends, steps, strict=True)
    rank = len(shape)
    return {a % rank: Range.of(s, e, step, shape[a % rank]) for a, s, e, step in every}


def _split(walk: Walk, node: ir.Node) -> None:
    value = node.inputs[0]
    assert value is not None
    shape = walk.shape(value)
    axis = node.attributes.get_int("axis", 0) % len(shape)
    sizes = [walk.shape(v)[axis] for v in node.outputs]
    used = [k for k, v in enumerate(node.outputs) if v.uses() or v.is_graph_output()]
    order = chosen(walk.view(value), sooner(value, walk.view(value)))
    if 1 < len(sizes) == len(used) <= _MOST_OUTPUTS and len({*sizes}) == 1 and sizes[0]:
        _even(walk, node, (axis, order))
        return
    begins = np.cumsum([0, *sizes]).tolist()
    for k in used:
        if sizes[k]:
            cut = part(walk, value, {axis: Range(begins[k], sizes[k])}, order)
            walk.see(cut, k)
        else:
            _empty(walk, node, k)


def _empty(walk: Walk, node: ir.Node, index: int = 0) -> None:
    if walk.place.integers:
        raise walk.place.refused("nothing is left of a value of codes")
    settle(node, np.zeros(walk.shape(node.outputs[index]), np.float32), index)


def _even(walk: Walk, node: ir.Node, where: tuple[int, Order]) -> None:
    """SPLIT into parts of one size."""
    (axis, order), value = where, node.inputs[0]
    source = demand(walk, walk.read(value, order), CODES)
    place = walk.draft.constant("axis", np.array(order.index(axis), np.int32))
    shapes = [arranged(walk.shape(v), order) for v in node.outputs]
    made = [walk.scratch(source, s) for s in shapes]
    walk.draft.emit("SPLIT", [place, source], made, "SplitOptions", numSplits=len(made))
    for k, tensor in enumerate(made):
        walk.see(View.of(tensor, order), k)


LOWERINGS = {"Slice": Lowering(_slice, integers=BOTH), "Split": Lowering(_split, integers=BOTH)}
