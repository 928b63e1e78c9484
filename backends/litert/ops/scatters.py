"""Entries written by their indices: SCATTER_ND into zeros, laid over the value by SELECT_V2.

    Scatter(x, i, u)       =  SELECT(is written, SCATTER_ND(i, u), x)
    Scatter(x, i, u, add)  =  x + SCATTER_ND(i, u)

SCATTER_ND adds up what falls on one entry, as ONNX does for `add`; without a reduction ONNX leaves
open which of several wins, so such indices are refused where they are known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.indices import coordinates, elements
from mcompile.backends.litert.kernels import demand
from mcompile.backends.litert.layout import straight
from mcompile.backends.litert.lowering import BYTES, Lowering
from mcompile.backends.litert.views import View
from mcompile.backends.litert.walk import Walk

_TYPES = frozenset({"float32", "int8", "uint8", "int32", "int64"})
_COMBINED = {"mul": ("MUL", "MulOptions"), "min": ("MINIMUM", "MaximumMinimumOptions"),
             "max": ("MAXIMUM", "MaximumMinimumOptions")}  # fmt: skip


def _nd(walk: Walk, node: ir.Node) -> None:
    value = node.inputs[0]
    _write(walk, node, coordinates(walk, node.inputs[1], walk.shape(value)))


def _elements(walk: Walk, node: ir.Node) -> None:
    shape = walk.shape(node.inputs[0])
    axis = node.attributes.get_int("axis", 0) % len(shape)
    _write(walk, node, elements(walk, node.inputs[1], axis, shape[axis]))


def _write(walk: Walk, node: ir.Node, places: Tensor) -> None:
    shape = walk.shape(node.inputs[0])
    if any(walk.draft.is_free(n) for n in shape):
        raise walk.place.refused("it writes into a value whose size is free", "a fixed size")
    reduction = node.attributes.get_string("reduction", "none")
    data, updates = walk.read(node.inputs[0]), walk.read(node.inputs[2])
    updates = updates if updates.quant == data.quant or data.quant is None else walk.requantized(
        updates, data.quant, f"{updates.name}.rescaled")  # fmt: skip
    demand(walk, data, _TYPES)
    if reduction == "add" and not walk.place.integers:
        made = _added(walk, data, _scattered(walk, places, updates, shape))
    else:
        made = _laid_over(walk, (data, places, updates), reduction)
    walk.see(View.of(made, straight(len(shape))))


def _scattered(walk: Walk, places: Tensor, updates: Tensor, shape: Sequence[int]) -> Tensor:
    target = walk.draft.constant("shape", np.array(shape, np.int32))
    made = walk.scratch(updates, shape)
    walk.draft.emit("SCATTER_ND", [places, updates, target], [made], "ScatterNdOptions")
    return made


def _added(walk: Walk, data: Tensor, update: Tensor) -> Tensor:
    made = walk.scratch(data, data.shape)
    walk.draft.emit("ADD", [data, update], [made], "AddOptions")
    return made


def _laid_over(walk: Walk, parts: tuple[Tensor, Tensor, Tensor], reduction: str) -> Tensor:
    data, places, updates = parts
    if places.data is not None and len(np.unique(rows := _rows(places), axis=0)) < len(rows):
        raise walk.place.refused("several entries are written to one place")
    if reduction != "none" and (places.data is None or walk.place.integers):
        raise walk.place.refused(f"a scatter with reduction {reduction}", "indices that are known")
    scattered = _scattered(walk, places, updates, data.shape)
    if reduction != "none":
        kind, options = _COMBINED[reduction]
        joined = walk.scratch(data, data.shape)
        walk.draft.emit(kind, [data, scattered], [joined], options)
        scattered = joined
    made = walk.scratch(data, data.shape)
    inputs = [_mask(walk, places, data.shape), scattered, data]
    walk.draft.emit("SELECT_V2", inputs, [made], "SelectV2Options")
    return made


def _rows(places: Tensor) -> np.ndarray:
    assert places.data is not None
    return places.data.reshape(-1, places.data.shape[-1])


def _mask(walk: Walk, places: Tensor, shape: Sequence[int]) -> Tensor:
    """Where something is written: a constant where the indices are."""
    if places.data is not None:
        mask = np.zeros(shape, np.bool_)
        mask[tuple(_rows(places).T)] = True
        return walk.draft.constant("written", mask)
    counts = _scattered(walk, places, _ones(walk, places, shape), shape)
    made = walk.scratch(counts, shape, dtype="bool", quant=None)
    zero = walk.draft.constant("zero", np.array(0, np.int32))
    walk.draft.emit("GREATER", [counts, zero], [made], "GreaterOptions")
    return made


def _ones(walk: Walk, places: Tensor, shape: Sequence[int]) -> Tensor:
    written = (*places.shape[:-1], *shape[places.shape[-1] :])
    return walk.draft.constant("ones", np.ones(written, np.int32))


_ELEMENTS = Lowering(_elements, integers=BYTES)

LOWERINGS = {
    "Scatter": _ELEMENTS,
    "ScatterElements": _ELEMENTS,
    "ScatterND": Lowering(_nd, integers=BYTES),
}
