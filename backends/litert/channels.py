"""Channels in another order, made so by the convolution instead of moved behind it.

Conv -> (2, 64) channels -> Softmax over the 2        the kernel's rows are stored (64, 2)
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.draft import Op, Quant, Tensor
from mcompile.backends.litert.layout import Order
from mcompile.backends.litert.pairs import is_pair
from mcompile.backends.litert.views import View
from mcompile.backends.litert.walk import Walk
from mcompile.types import Array

_KEPT = frozenset({"Clip", "Flatten", "Relu", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""Behind a convolution these leave each number in its channel."""


def made_in(walk: Walk, value: ir.Value | None, order: Order) -> None:
    """Let a value lie in an order, where the convolution that made it can see to that for nothing.

    Nobody else may read it, and no more than its channels may have to change places.
    """
    view = walk.deferred(value)
    if value is None or view is None or view.holds(order):
        return
    named = [p for p in view.pieces(order) if view.sizes[p] != 1]
    first = _first_of_last(view)
    front, inner = [p for p in named if p < first], [p for p in named if p >= first]
    if named != sorted(front) + inner or not is_alone(value):
        return
    cut = view.sizes[first:]
    ones = [p for p in range(first, len(view.sizes)) if view.sizes[p] == 1]
    perm = [p - first for p in (*inner, *ones)]
    places = np.arange(prod(cut)).reshape(cut).transpose(perm).reshape(-1)
    if not reordered(walk, view.tensor, places):
        return
    every = (*range(first), *inner, *ones)
    sizes = tuple(view.sizes[p] for p in every)
    axes = tuple(tuple(every.index(p) for p in run) for run in view.axes)
    walk.seen_as(value, View(view.tensor, sizes, axes))


def _first_of_last(view: View) -> int:
    """The first of the pieces that the last axis of memory is cut into."""
    place, left = len(view.sizes), view.tensor.shape[-1]
    while left > 1 and place:
        place -= 1
        left //= view.sizes[place]
    return place


def reordered(walk: Walk, made: Tensor, places: Array) -> bool:
    """Whether the convolution that made the tensor makes its channels in those places now."""
    index = next((k for k, o in enumerate(walk.draft.ops) if made in o.outputs), None)
    if index is None or any(made in o.inputs for o in walk.draft.ops):
        return False
    op = walk.draft.ops[index]
    stored = _stored(op)
    if stored is None:
        return False
    walk.draft.ops[index] = replace(
        op, inputs=(op.inputs[0], *(_picked(walk, t, places) for t in stored))
    )
    return True


def _stored(op: Op) -> list[Tensor] | None:
    """Kernel and bias of a convolution that may make its channels in any order."""
    data, kernel, bias = (*op.inputs, None, None)[:3]
    if op.kind != "CONV_2D" or data is None or kernel is None or bias is None:
        return None
    if kernel.data is None or bias.data is None:
        return None
    if kernel.shape[3] != data.shape[3]:  # a group's outputs stay together
        return None
    return [kernel, bias]


def is_alone(value: ir.Value) -> bool:
    """Whether the value is what a convolution made, seen otherwise or as codes, for one reader."""
    now: ir.Value | None = value
    while now is not None and len(now.uses()) == 1 and not now.is_graph_output():
        maker = now.producer()
        if maker is None or not (is_pair(maker) or maker.op_type in _KEPT):
            return maker is not None and not maker.domain and maker.op_type == "Conv"
        now = maker.inputs[0]
    return False


def _picked(walk: Walk, tensor: Tensor, places: Array) -> Tensor:
    """A constant with its first axis in another order, its scales along."""
    quant, data = tensor.quant, tensor.data
    if quant is not None and len(quant.scale) > 1:
        scales, zeros = (tuple(v[p] for p in places) for v in (quant.scale, quant.zero_point))
        quant = Quant(scales, zeros, 0)
    return walk.draft.constant(tensor.name, np.ascontiguousarray(np.asarray(data)[places]), quant)
