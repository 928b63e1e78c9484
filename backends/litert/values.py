"""How the values of the program are held in the file, and in which forms they were read so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.draft import Draft, Quant, Tensor
from mcompile.backends.litert.foresight import wanted
from mcompile.backends.litert.layout import Order, arranged, straight
from mcompile.backends.litert.views import Run, View
from mcompile.graph import name_of
from mcompile.types import Array

_MOST_AXES = 6
"""That XNNPACK transposes."""


@dataclass(frozen=True)
class Held:
    """A tensor and the order in which it holds the value."""

    tensor: Tensor
    order: Order


@dataclass(frozen=True)
class Constant:
    """A constant of the program: its numbers as stored, and what they stand for if integers."""

    name: str
    data: Array
    quant: Quant | None = None


class Values:
    """Every value that was written, and the same in other orders once they were asked for."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._held: dict[ir.Value, list[Held]] = {}
        self._waiting: dict[ir.Value, list[View]] = {}
        self._seen_as: dict[tuple[int, tuple[int, ...]], Tensor] = {}

    def hold(self, value: ir.Value, tensor: Tensor, order: Order) -> None:
        """Remember where a value is."""
        self._held.setdefault(value, []).append(Held(tensor, order))

    def wait(self, value: ir.Value, view: View) -> None:
        """Remember of which memory a value is another view, should anybody read it."""
        self._waiting.setdefault(value, []).insert(0, view)

    def become(self, value: ir.Value, view: View) -> None:
        """Let a value be that view alone: its memory holds something else now."""
        self._waiting[value] = [view]

    def waiting(self, value: ir.Value) -> View | None:
        """Of which memory the value is another view, where nobody has read it so far."""
        return None if value in self._held else next(iter(self._waiting.get(value, ())), None)

    def known(self, value: ir.Value) -> bool:
        """Whether the value was written or can be."""
        return value in self._held or value in self._waiting

    def first(self, value: ir.Value) -> Held:
        """The value as it was written; one that waits in an order that its readers like."""
        if value not in self._held:
            view = self.view(value)
            order = view.nearest() if view.holds(view.nearest()) else wanted(value)
            order = straight(len(view.axes)) if order is None else order
            self.hold(value, self.seen(view, order, name_of(value)), order)
        return self._held[value][0]

    def read(self, value: ir.Value, order: Order) -> Tensor:
        """The value in that order; brought there by one operator where it never was before."""
        for held in self._held.get(value, ()):
            if held.order == order:
                return held.tensor
        view = next((v for v in self.forms(value) if v.holds(order)), None) or self.view(value)
        tensor = self.seen(view, order, name_of(value))
        self.hold(value, tensor, order)
        return tensor

    def forms(self, value: ir.Value) -> list[View]:
        """Every memory that has the value already."""
        written = [View.of(h.tensor, h.order) for h in self._held.get(value, ())]
        return written + self._waiting.get(value, [])

    def view(self, value: ir.Value) -> View:
        """The value as a view of the memory that was written for it, or for what it was before."""
        if value in self._waiting:
            return self._waiting[value][0]
        held = self.first(value)
        return View.of(held.tensor, held.order)

    def turn(self, value: ir.Value, order: Order) -> View:
        """The value as a view of memory that has it in that order, brought there if need be."""
        view = next((v for v in self.forms(value) if v.holds(order)), None)
        if view is not None:
            return view
        view = self.view(value)
        if view.whole(order) is not None or len(view.sizes) > _MOST_AXES:
            return View.of(self.read(value, order), order)
        source = self.shaped(view.tensor, view.sizes, f"{name_of(value)}.pieces")
        perm = view.pieces(order)
        made = self._transposed(source, perm, name_of(value))
        axes = tuple(tuple(perm.index(p) for p in run) for run in view.axes)
        self.wait(value, View(made, made.shape, axes))
        return self.view(value)

    def turned(self, held: Held, order: Order, name: str) -> Tensor:
        """What is held, in another order: a RESHAPE where only sizes of 1 move."""
        return self.seen(View.of(held.tensor, held.order), order, name)

    def seen(self, view: View, order: Order, name: str) -> Tensor:
        """The view in memory of its own: RESHAPE, TRANSPOSE, RESHAPE, as few as it takes."""
        source = view.tensor
        if not view.holds(order):
            sizes, perm = _cheapest(view, order)
            source = self._transposed(self.shaped(source, sizes, f"{name}.pieces"), perm, name)
        return self.shaped(source, arranged(view.shape, order), name)

    def _transposed(self, source: Tensor, perm: Sequence[int], name: str) -> Tensor:
        shape = arranged(source.shape, tuple(perm))
        made = self._draft.tensor(f"{name}.turned", shape, source.dtype, source.quant)
        axes = self._draft.constant("perm", np.array(perm, np.int32))
        self._draft.emit("TRANSPOSE", [source, axes], [made], "TransposeOptions")
        return made

    def shaped(self, source: Tensor, shape: Sequence[int], name: str) -> Tensor:
        """The same memory in another shape: one RESHAPE, however often it is asked for."""
        if source.shape == tuple(shape):
            return source
        key = source.index, tuple(shape)
        if key not in self._seen_as:
            made = self._draft.tensor(name, shape, source.dtype, source.quant)
            self._draft.reshape(source, made)
            self._seen_as[key] = made
        return self._seen_as[key]


def _cheapest(view: View, order: Order) -> tuple[tuple[int, ...], Run]:
    """Pieces and their permutation for the TRANSPOSE that has the fewest RESHAPEs around it."""
    shape = arranged(view.shape, order)
    found = [(view.sizes, view.pieces(order)), view.whole(order), view.merged(order)]
    able = [f for f in found if f is not None and len(f[0]) <= _MOST_AXES]
    if not able:
        return view.merged(order)
    return min(able, key=lambda f: (f[0] != view.tensor.shape) + (arranged(f[0], f[1]) != shape))
