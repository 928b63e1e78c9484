"""What a node reads: values as they lie in memory, as codes or as reals, constants offline.

A constant of halves, and one of codes where the node computes on reals, stands behind a DEQUANTIZE.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.draft import Draft, Quant, Tensor
from mcompile.backends.litert.layout import Order, straight
from mcompile.backends.litert.pairs import code_of, quant_of
from mcompile.backends.litert.place import Place
from mcompile.backends.litert.values import Constant, Held, Values
from mcompile.backends.litert.views import View
from mcompile.errors import Broken, LoweringError
from mcompile.types import Array, Program


class Reading:
    """The reader's side of a walk: what was written so far, and the node that asks for it."""

    def __init__(self, program: Program, draft: Draft) -> None:
        self.program, self.draft, self.values = program, draft, Values(draft)
        self._place: Place | None = None
        self._reals: dict[int, Tensor] = {}

    @property
    def place(self) -> Place:
        """The node at hand: whether it is on integers, and what became part of it."""
        if self._place is None:
            raise Broken("no node is at hand")
        return self._place

    def shape(self, value: ir.Value | None) -> tuple[int, ...]:
        """The shape in the program, with the stand-in for a free size."""
        found = graph.dims(value) if value is not None else None
        if found is None or not all(isinstance(d, int) for d in found):
            name = "an input" if value is None else graph.name_of(value)
            what = f"the shape of {name} is not known before the model runs"
            raise (
                LoweringError(what, where=name) if self._place is None else self.place.refused(what)
            )
        return tuple(d for d in found if isinstance(d, int))

    def constant(self, value: ir.Value | None) -> Constant | None:
        """What a constant holds: its codes with their scale if it was quantized, else its numbers.

        Sums have codes of 32 or 64 bits, which no DEQUANTIZE reads: where the node computes on
        reals they are given as such.
        """
        if value is None:
            return None
        code = code_of(value)
        data = graph.array(value if code is None else code)
        if data is None:
            return None
        name = graph.name_of(value if code is None else code)
        quant = None if code is None else quant_of(value.producer())
        if code is not None and quant is None:
            raise self.place.refused(f"the scale of {name} is computed when the model runs")
        if quant is not None and data.dtype.itemsize > 2 and not self.place.integers:
            return Constant(graph.name_of(value), reals(data, quant))
        return Constant(name, data, quant)

    def known(self, value: ir.Value | None) -> Array | None:
        """The numbers of a constant, those that its codes stand for if it was quantized."""
        found = self.constant(value)
        if found is None or found.quant is None:
            return None if found is None else found.data
        return reals(found.data, found.quant)

    def numbers(self, value: ir.Value | None) -> Any:
        """An array that says how: axes, pads, sizes; None where it is left out.

        Raises `LoweringError` where it is computed when the model runs.
        """
        if value is None:
            return None
        data = graph.array(value)
        if data is None:
            raise self.place.refused(f"{graph.name_of(value)} is computed when the model runs")
        return data

    def narrow(self, data: Array, what: str) -> Array:
        """Whole numbers as int32, which most kernels want. Raises `LoweringError` where they do not
        fit; `what` says in words what they are.
        """
        limits = np.iinfo(np.int32)
        if data.size and (data.min() < limits.min or data.max() > limits.max):
            raise self.place.refused(f"{what} reach beyond the 32 bits that LiteRT counts in")
        return np.asarray(data, np.int32)

    def held(self, value: ir.Value) -> Held:
        """A value as it lies in memory."""
        constant = self.constant(value)
        if constant is not None:
            return Held(self.read(value), straight(len(constant.data.shape)))
        return self.values.first(self._form(value))

    def read(
        self, value: ir.Value | None, order: Order | None = None, quant: Quant | None = None
    ) -> Tensor:
        """The tensor of a value, in the program's own order where none is said.

        With `quant` its codes are brought to that scale where they have another.
        """
        if value is None:
            raise self.place.refused("an input that it needs is left out")
        order = straight(len(self.shape(value))) if order is None else order
        constant = self.constant(value)
        if constant is None:
            found = self.values.read(self._form(value, order), order)
        else:
            found = self.real(self._kept(constant, order))
        if quant is None or found.quant == quant:
            return found
        return self.requantized(found, quant, f"{found.name}.rescaled")

    def stored(self, constant: Constant, order: Order | None = None) -> Tensor:
        """A constant in the file, its axes in that order, as the node's kernel reads it.

        Codes stay codes beside reals where the kernel has such a form (`Lowering.hybrid`).
        """
        found = self._kept(constant, order)
        mixes = self.place.lowering.hybrid and found.dtype == "int8"
        return found if mixes else self.real(found)

    def _kept(self, constant: Constant, order: Order | None) -> Tensor:
        data, quant = constant.data, constant.quant
        if order is not None and order != straight(len(order)):
            data = np.ascontiguousarray(data.transpose(order))
            if quant is not None and len(quant.scale) > 1:
                quant = Quant(quant.scale, quant.zero_point, order.index(quant.axis))
        return self.draft.constant(constant.name, data, quant)

    def view(self, value: ir.Value | None) -> View:
        """A value as a view of memory, without bringing it into any order."""
        if value is None:
            raise self.place.refused("an input that it needs is left out")
        constant = self.constant(value)
        if constant is not None:
            return View.of(self.read(value), straight(len(constant.data.shape)))
        return self.values.view(self._form(value))

    def forms(self, value: ir.Value) -> list[View]:
        """Every memory that has the value, which is no constant, as the node reads it."""
        return self.values.forms(self._form(value))

    def turn(self, value: ir.Value, order: Order) -> View:
        """A value as a view of memory that has it in that order."""
        return self.values.turn(self._form(value), order)

    def seen_as(self, value: ir.Value, view: View) -> None:
        """From now on a value is that view, and none that it was before."""
        self.values.become(self._form(value), view)

    def deferred(self, value: ir.Value | None) -> View | None:
        """Of which memory a value is another view that nobody has read yet."""
        if value is None:
            return None
        code = code_of(value)
        view = self.values.waiting(code or value)
        if view is None or code is None or self.place.integers:
            return view
        # Reals of codes that lie in no order: they are made where the codes lie.
        if view.order() is not None:
            return None
        return View(self.real(view.tensor), view.sizes, view.axes)

    def requantized(self, tensor: Tensor, quant: Quant, name: str, dtype: str = "") -> Tensor:
        """The tensor's numbers as codes of another scale, or as codes at all."""
        made = self.draft.tensor(name, tensor.shape, dtype or tensor.dtype, quant)
        self.draft.emit("QUANTIZE", [tensor], [made], "QuantizeOptions")
        return made

    def recoded(self, view: View, quant: Quant, name: str, dtype: str = "") -> View:
        """The same view of codes of that scale."""
        return View(self.requantized(view.tensor, quant, name, dtype), view.sizes, view.axes)

    def _form(self, value: ir.Value, order: Order | None = None) -> ir.Value:
        """What stands for the value as the node reads it: its codes, or the reals made of them.

        What leaves the program is brought into `order` while it is codes: they are smaller.
        """
        code = code_of(value)
        if code is None:
            return value
        if self._place is not None and self._place.integers:
            return code
        if not self.values.known(value):
            held = self.values.first(code)
            if self._place is None and order is not None:
                held = Held(self.values.read(code, order), order)
            self.values.hold(value, self.real(held.tensor), held.order)
        return value

    def real(self, tensor: Tensor) -> Tensor:
        """The reals behind a tensor of codes or halves, where the node computes on reals."""
        on = self._place is not None and self._place.integers
        if tensor.dtype != "float16" and (on or tensor.quant is None):
            return tensor
        if tensor.index not in self._reals:
            made = self.draft.tensor(f"{tensor.name}.real", tensor.shape, "float32")
            self.draft.emit("DEQUANTIZE", [tensor], [made], "DequantizeOptions")
            self._reals[tensor.index] = made
        return self._reals[tensor.index]


def reals(codes: Array, quant: Quant) -> Array:
    """The numbers that codes stand for, float32."""
    shape = [-1 if axis == quant.axis else 1 for axis in range(codes.ndim)]
    wide = shape if len(quant.scale) > 1 else ()
    scale = np.array(quant.scale, np.float64).reshape(wide)
    zero = np.array(quant.zero_point, np.int64).reshape(wide)
    made: Array = ((codes.astype(np.int64) - zero) * scale).astype(np.float32)
    return made
