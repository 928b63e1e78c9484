"""Pad: PAD of zeros, PADV2 of another number, MIRROR_PAD, and GATHER of constant places.

All are written in whatever order the value lies in. A GATHER repeats the edge, wraps around and
takes off what a negative pad says, one axis after the other.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.lowering import BOTH, Lowering
from mcompile.backends.litert.moves import around, cut, hand_on, picked
from mcompile.backends.litert.walk import Walk

_MOST_AXES = 5


def _pad(walk: Walk, node: ir.Node) -> None:
    value = node.inputs[0]
    if value is None:
        raise walk.place.refused("an input that it needs is left out")
    pads, held = _pads(walk, node), walk.held(value)
    mode = node.attributes.get_string("mode", "constant")
    in_memory = [pads[a] for a in held.order]
    if mode == "constant":
        tensor = _constant(walk, held.tensor, in_memory, _filling(walk, node))
    elif mode == "reflect" and _mirrors(held.tensor, in_memory):
        tensor = _mirrored(walk, held.tensor, in_memory)
    else:
        tensor = held.tensor
        for axis, (before, behind) in enumerate(in_memory):
            if before or behind:
                tensor = _gathered(walk, tensor, axis, (mode, before, behind))
    if tensor is held.tensor:
        walk.same(held, held.order)
    else:
        hand_on(walk, tensor, held.order)


def _pads(walk: Walk, node: ir.Node) -> list[tuple[int, int]]:
    """What is added before and behind each axis of the value."""
    rank = len(walk.shape(node.inputs[0]))
    given = walk.numbers(node.inputs[1]) if len(node.inputs) > 1 else None
    numbers = [int(n) for n in (node.attributes.get_ints("pads", ()) if given is None else given)]
    named = walk.numbers(node.inputs[3]) if len(node.inputs) > 3 else None
    axes = range(rank) if named is None else [int(a) % rank for a in named.reshape(-1)]
    found = [(0, 0)] * rank
    for k, axis in enumerate(axes):
        found[axis] = (numbers[k], numbers[len(numbers) // 2 + k])
    return found


def _filling(walk: Walk, node: ir.Node) -> float:
    given = node.inputs[2] if len(node.inputs) > 2 else None
    if given is None:
        return node.attributes.get_float("value", 0.0)
    known = walk.known(given)
    if known is None:
        raise walk.place.refused("what it fills with is computed when the model runs")
    return float(known.reshape(-1)[0])


def _constant(walk: Walk, source: Tensor, pads: list[tuple[int, int]], filling: float) -> Tensor:
    begin = [max(-before, 0) for before, _ in pads]
    size = [
        n - b - max(-behind, 0) for n, b, (_, behind) in zip(source.shape, begin, pads, strict=True)
    ]
    source = cut(walk, source, begin, size)
    if len(pads) > _MOST_AXES:
        raise walk.place.refused(f"a Pad of {len(pads)} axes", "LiteRT pads up to five")
    return around(walk, source, [(max(b, 0), max(e, 0)) for b, e in pads], filling)


def _mirrors(source: Tensor, pads: list[tuple[int, int]]) -> bool:
    every = zip(source.shape, pads, strict=True)
    return all(min(p) >= 0 and max(p) < n for n, p in every) and len(pads) <= _MOST_AXES


def _mirrored(walk: Walk, source: Tensor, pads: list[tuple[int, int]]) -> Tensor:
    if not any(any(p) for p in pads):
        return source
    made = walk.scratch(source, [n + sum(p) for n, p in zip(source.shape, pads, strict=True)])
    widths = walk.draft.constant("pads", np.array(pads, np.int32))
    walk.draft.emit("MIRROR_PAD", [source, widths], [made], "MirrorPadOptions", mode=0)
    return made


def _gathered(walk: Walk, source: Tensor, axis: int, how: tuple[str, int, int]) -> Tensor:
    mode, before, behind = how
    if walk.draft.is_free(source.shape[axis]):
        raise walk.place.refused("pads along the free size", "a fixed size")
    first, last = max(-before, 0), source.shape[axis] - max(-behind, 0)
    size = last - first
    places = np.arange(-max(before, 0), size + max(behind, 0))
    if mode == "edge":
        places = np.clip(places, 0, size - 1)
    elif mode == "wrap":
        places = places % size
    elif mode == "reflect":
        turn = max(2 * (size - 1), 1)
        places = np.abs((places + size - 1) % turn - (size - 1)) if size > 1 else places * 0
    else:
        raise walk.place.refused(f"a Pad of mode {mode}", "constant, edge, reflect or wrap")
    return picked(walk, source, axis, [int(p) + first for p in places])


LOWERINGS = {"Pad": Lowering(_pad, integers=BOTH, moves=True)}
