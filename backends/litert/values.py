"""How the values of the program are held in the file, and in which forms they were read so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.draft import Draft, Quant, Tensor
from mcompile.backends.litert.foresight import wanted
from mcompile.backends.litert.layout import Order, arranged
from mcompile.backends.litert.views import View
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
        self._waiting: dict[ir.Value, View] = {}

    def hold(self, value: ir.Value, tensor: Tensor, order: Order) -> None:
        """Remember where a value is."""
        self._held.setdefault(value, []).append(Held(tensor, order))

    def wait(self, value: ir.Value, view: View) -> None:
        """Remember of which memory a value is another view, should anybody read it."""
        self._waiting[value] = view

    def waiting(self, value: ir.Value) -> View | None:
        """Of which memory the value is another view, where nobody has read it so far."""
        return None if value in self._held else self._waiting.get(value)

    def known(self, value: ir.Value) -> bool:
        """Whether the value was written or can be."""
        return value in self._held or value in self._waiting

    def first(self, value: ir.Value) -> Held:
        """The value as it was written; one that waits in an order that its readers like."""
        if value not in self._held:
            view = self._waiting[value]
            order = view.nearest() if view.holds(view.nearest()) else wanted(value)
            order = view.nearest() if order is None else order
            self.hold(value, self.seen(view, order, name_of(value)), order)
        return self._held[value][0]

    def read(self, value: ir.Value, order: Order) -> Tensor:
        """The value in that order; brought there by one operator where it never was before."""
        for held in self._held.get(value, ()):
            if held.order == order:
                return held.tensor
        tensor = self.seen(self.view(value), order, name_of(value))
        self.hold(value, tensor, order)
        return tensor

    def view(self, value: ir.Value) -> View:
        """The value as a view of the memory that was written for it, or for what it was before."""
        if value in self._waiting:
            return self._waiting[value]
        held = self.first(value)
        return View.of(held.tensor, held.order)

    def turned(self, held: Held, order: Order, name: str) -> Tensor:
        """What is held, in another order: a RESHAPE where only sizes of 1 move."""
        return self.seen(View.of(held.tensor, held.order), order, name)

    def seen(self, view: View, order: Order, name: str) -> Tensor:
        """The view in memory of its own: RESHAPE, TRANSPOSE, RESHAPE, as few as it takes."""
        shape, source = arranged(view.shape, order), view.tensor
        if not view.holds(order):
            whole = view.sizes == source.shape and len(source.shape) <= _MOST_AXES
            sizes, perm = (view.sizes, view.pieces(order)) if whole else view.merged(order)
            source = self._shaped(source, sizes, f"{name}.pieces")
            made = self._draft.tensor(
                f"{name}.turned", arranged(sizes, perm), source.dtype, source.quant
            )
            axes = self._draft.constant("perm", np.array(perm, np.int32))
            self._draft.emit("TRANSPOSE", [source, axes], [made], "TransposeOptions")
            source = made
        return self._shaped(source, shape, name)

    def _shaped(self, source: Tensor, shape: Sequence[int], name: str) -> Tensor:
        if source.shape == tuple(shape):
            return source
        made = self._draft.tensor(name, shape, source.dtype, source.quant)
        self._draft.reshape(source, made)
        return made
