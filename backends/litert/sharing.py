"""Copies where the runtime would compute over memory that is read again later.

    x -> ADD -> a -> RESHAPE -> b -> SOFTMAX -> c        a is read behind the SOFTMAX too

The plain kernels of `IN_PLACE` write over their input where nothing else reads it, and a RESHAPE
shares its input's memory. The runtime counts who reads b and x, whose memory all four have by then,
but not who reads a: it would find c there. A SLICE of everything in between is a copy, and XNNPACK,
which plans memory by itself, takes it as well.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from mcompile.backends.litert.draft import Draft, Op, Tensor

IN_PLACE = frozenset({"ADD", "DIV", "MUL", "SOFTMAX", "SUB"})
"""Found by trying each kernel of LiteRT 2.1 in that place."""


def unshare(draft: Draft, outputs: Collection[Tensor]) -> None:
    """Write a copy in front of each RESHAPE behind which a value would be lost, in place."""
    readers: dict[Tensor, list[int]] = {t: [len(draft.ops)] for t in outputs}
    for place, op in enumerate(draft.ops):
        for tensor in op.inputs:
            if tensor is not None:
                readers.setdefault(tensor, []).append(place)
    makers = {t: op for op in draft.ops for t in op.outputs}
    found = [op for op in draft.ops if _loses(op, draft.ops, makers, readers)]
    for op in found:
        place = next(i for i, each in enumerate(draft.ops) if each is op)
        draft.ops[place : place + 1] = _apart(draft, op)


def _loses(
    op: Op, ops: Sequence[Op], makers: dict[Tensor, Op], readers: dict[Tensor, list[int]]
) -> bool:
    """Whether the one reader of what a RESHAPE makes computes over what is read behind it."""
    if op.kind != "RESHAPE" or op.inputs[0] is None:
        return False
    seen, places = op.inputs[0], readers.get(op.outputs[0], [])
    if len(places) != 1 or places[0] == len(ops) or ops[places[0]].kind not in IN_PLACE:
        return False
    while True:
        maker = makers.get(seen)
        if maker is None or maker.kind != "RESHAPE" or maker.inputs[0] is None:
            break
        seen = maker.inputs[0]
    if maker is None or maker.kind not in IN_PLACE or not _takes_over(maker, readers):
        return False
    return _last(seen, ops, readers) > places[0]


def _last(tensor: Tensor, ops: Sequence[Op], readers: dict[Tensor, list[int]]) -> int:
    """Where the tensor, or what is a RESHAPE of it, is read last."""
    places = readers.get(tensor, [])
    seen = [t for p in places if p < len(ops) and ops[p].kind == "RESHAPE" for t in ops[p].outputs]
    return max([*places, *(_last(t, ops, readers) for t in seen)], default=-1)


def _takes_over(op: Op, readers: dict[Tensor, list[int]]) -> bool:
    """Whether a kernel may write over one of its inputs: it alone reads it, and it is as large."""
    given = [t for t in op.inputs if t is not None and t.data is None]
    return any(
        len(readers[t]) == 1 and np.prod(t.shape) == np.prod(op.outputs[0].shape) for t in given
    )


def _apart(draft: Draft, op: Op) -> list[Op]:
    """The RESHAPE with a copy on that side of it that has fewer axes."""
    source, made = op.inputs[0], op.outputs[0]
    assert source is not None  # `_loses` looked
    before = len(source.shape) <= len(made.shape)
    like = source if before else made
    other = draft.tensor(f"{like.name}.copy", like.shape, like.dtype, like.quant)
    ends = (source, other) if before else (other, made)
    axes = len(like.shape)
    begin = draft.constant("begin", np.zeros(axes, np.int32))
    size = draft.constant("size", np.full(axes, -1, np.int32))
    copy = Op("SLICE", (ends[0], begin, size), (ends[1],), "SliceOptions", {}, (), op.origin)
    inputs, outputs = (other, *op.inputs[1:]), (other,)
    moved = Op(op.kind, inputs if before else op.inputs, op.outputs if before else outputs,
               op.options, op.fields, (), op.origin)  # fmt: skip
    return [copy, moved] if before else [moved, copy]
