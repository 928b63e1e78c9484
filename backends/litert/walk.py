"""Goes through the program node by node and lets each op's lowering write itself.

A lowering asks the walk for what its node reads and makes tensors for what it hands on. Whether
that is on integers is settled before, so that one lowering serves both:

    q(int8) -> DequantizeLinear -> Conv -> Relu -> QuantizeLinear -> c(int8)
    q(int8) -------------------> CONV_2D with a fused RELU --------> c(int8)

A node is on integers when all real values that it computes on come from a DequantizeLinear, all it
hands on goes to a QuantizeLinear and nowhere else, and the runtime has a kernel for the type.
Elsewhere a DEQUANTIZE or QUANTIZE is written where somebody reads the other form.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.draft import Draft, Quant, Tensor
from mcompile.backends.litert.layout import Order, arranged, straight
from mcompile.backends.litert.lowering import lowerings
from mcompile.backends.litert.pairs import code_of, is_pair, is_real, quant_of, quantizers
from mcompile.backends.litert.place import origin_of, placed, refusal, unknown
from mcompile.backends.litert.reading import Reading
from mcompile.backends.litert.values import Held
from mcompile.backends.litert.views import View
from mcompile.errors import LoweringError
from mcompile.types import Program

Ports = list[tuple[str, Tensor]]


class Walk(Reading):
    """Writes a program of known shapes into a draft.

    With `coded_ports` inputs and outputs that become codes or were codes are so in the file.
    """

    def __init__(self, program: Program, draft: Draft, *, coded_ports: bool = False) -> None:
        super().__init__(program, draft)
        self.coded_ports = coded_ports
        self._ports = {p.name for p in (*program.inputs, *program.outputs)}
        self._absorbed: set[ir.Node] = set()

    def write(self) -> tuple[Ports, Ports]:
        """The tensors of the program's inputs and outputs, by name, once all is written."""
        body = self.program.graph.graph
        named = {graph.name_of(v): v for v in body.inputs}
        inputs = [(p.name, self._input(named[p.name])) for p in self.program.inputs]
        for node in body:
            if node not in self._absorbed:
                self._visit(node)
        self._place = None
        taken = [t for _, t in inputs]
        outputs: Ports = []
        for value in body.outputs:
            outputs.append((graph.name_of(value), self._output(value, taken)))
            taken.append(outputs[-1][1])
        for name, tensor in outputs:
            self.draft.rename(tensor, name)
        self.draft.prune(taken)
        return inputs, outputs

    # What a lowering asks.

    def quant(self, index: int = 0) -> Quant | None:
        """The scale of an output of the node; None where the node is float."""
        found = quantizers(self._out(index)) if self.place.integers else []
        return quant_of(found[0]) if found else None

    def make(self, order: Order | None = None, index: int = 0) -> Tensor:
        """The tensor for an output of the node, or of the last node that became part of it."""
        value = self._out(index)
        shape = self.shape(value)
        order = straight(len(shape)) if order is None else order
        quant, dtype = self.quant(index), _dtype(value)
        if quant is not None:
            dtype = _dtype(quantizers(value)[0].outputs[0])
        moved = self._codes_read() if self.place.lowering.moves and quant is not None else quant
        tensor = self.draft.tensor(self.title(index), arranged(shape, order), dtype, moved)
        if moved == quant:
            self._hold(value, tensor, order)
        else:
            self.place.later.append(lambda: self._rescale(value, tensor, order, quant))
        return tensor

    def title(self, index: int = 0) -> str:
        """What the tensor of an output is called: as the value is, or its codes where they are."""
        value = self._out(index)
        name = self._name(value)
        apart = not self.place.integers and is_real(value) and quantizers(value)
        return f"{name.removesuffix('.real')}.real" if apart else name

    def same(self, source: Held, order: Order, index: int = 0) -> None:
        """Let an output be the memory of what is held, seen as having another shape or order."""
        value, tensor = self._out(index), source.tensor
        shape = arranged(self.shape(value), order)
        if shape != tensor.shape:
            made = self.draft.tensor(self._name(value), shape, tensor.dtype, tensor.quant)
            self.draft.reshape(tensor, made)
            tensor = made
        quant = self.quant(index)
        if quant is not None and tensor.quant != quant:
            self._rescale(value, tensor, order, quant)
        else:
            self._hold(value, tensor, order)

    def see(self, view: View, index: int = 0) -> None:
        """Let an output be a view of memory: written when somebody reads it in another order."""
        order = view.order()
        if order is not None and arranged(view.shape, order) == view.tensor.shape:
            self.same(Held(view.tensor, order), order, index)
        else:
            self.defer(view, index)

    def defer(self, view: View, index: int = 0) -> None:
        """Let an output be written when somebody reads it."""
        value, quant = self._out(index), self.quant(index)
        if quant is not None and quant != view.tensor.quant:
            view = self.recoded(view, quant, self._name(value))
        for key in [q.outputs[0] for q in quantizers(value)] if quant else [value]:
            self.values.wait(key, view)

    def scratch(self, like: Tensor, shape: Sequence[int], **other: Any) -> Tensor:
        """A tensor between operators of one node, of the type and scale of another but for `other`.

        `other` may say `dtype` and `quant`.
        """
        given = {"dtype": like.dtype, "quant": like.quant} | other
        return self.draft.tensor(f"{self._name(self._out(0))}.step", shape, **given)

    def in_reals(self) -> None:
        """Write the node at hand on reals: no kernel computes what it asks for on integers."""
        self._place = replace(self.place, integers=False)

    def _visit(self, node: ir.Node) -> None:
        self.draft.origin = origin_of(node)
        if is_pair(node):
            self._quantize(node)
        elif node.op_type != "Constant" or node.domain:
            kind = "Identity" if _is_between_reals(node) else node.op_type
            found = None if node.domain else lowerings().get(kind)
            if found is None:
                raise unknown(node)
            self._place = placed(node, found)
            self._absorbed |= {*self._place.ending.nodes}
            found.write(self, node)
            for later in self._place.later:
                later()

    def _quantize(self, node: ir.Node) -> None:
        """The codes of what was written as reals, or of what has codes of another scale already."""
        source, made = node.inputs[0], node.outputs[0]
        if node.op_type != "QuantizeLinear" or source is None or self.values.known(made):
            return None
        self._place = None
        quant, others = quant_of(node), [q.outputs[0] for q in quantizers(source)]
        if quant is None:
            raise refusal(node, "its scale is computed when the model runs")
        name, view = self._name(source, True), self.values.waiting(source)
        if view is not None and view.order() is None:
            return self.values.wait(made, self.recoded(view, quant, name, _dtype(made)))
        held = self.held(next((v for v in others if self.values.known(v)), source))
        tensor = self.requantized(held.tensor, quant, name, _dtype(made))
        return self.values.hold(made, tensor, held.order)

    def _input(self, value: ir.Value) -> Tensor:
        shape = self.shape(value)
        if 0 in shape:
            raise LoweringError("an input without numbers", where=graph.name_of(value))
        codes = quantizers(value) if self.coded_ports else []
        quant = quant_of(codes[0]) if codes else None
        if quant is not None:
            code = codes[0].outputs[0]
            made = self.draft.tensor(graph.name_of(value), shape, graph.dtype_of(code), quant)
            self.values.hold(code, made, straight(len(shape)))
            return made
        if value.dtype != ir.DataType.FLOAT16:
            tensor = self.draft.tensor(graph.name_of(value), shape, _dtype(value))
            self.values.hold(value, tensor, straight(len(shape)))
            return tensor
        halves = self.draft.tensor(graph.name_of(value), shape, "float16")
        self.values.hold(value, self._cast(halves, "float32"), straight(len(shape)))
        return halves

    def _cast(self, tensor: Tensor, dtype: str) -> Tensor:
        made = self.draft.tensor(f"{tensor.name}.cast", tensor.shape, dtype)
        self.draft.emit("CAST", [tensor], [made], "CastOptions")
        return made

    def _output(self, value: ir.Value, taken: list[Tensor]) -> Tensor:
        """An output in the program's order; a copy where the tensor is a port or a constant."""
        code = code_of(value) if self.coded_ports else None
        tensor = self.read(value if code is None else code)
        if value.dtype == ir.DataType.FLOAT16:
            return self._cast(tensor, "float16")
        if tensor.data is None and tensor not in taken:
            return tensor
        made = self.draft.tensor(graph.name_of(value), tensor.shape, tensor.dtype, tensor.quant)
        self.draft.reshape(tensor, made)
        return made

    def _rescale(self, value: ir.Value, tensor: Tensor, order: Order, quant: Quant | None) -> None:
        if quant is not None:
            tensor = self.requantized(tensor, quant, self._name(value))
        self._hold(value, tensor, order)

    def _codes_read(self) -> Quant | None:
        """The scale of what the node moves."""
        value = self.place.node.inputs[0]
        assert value is not None
        return self.held(value).tensor.quant

    def _hold(self, value: ir.Value, tensor: Tensor, order: Order) -> None:
        quant = tensor.quant
        if re.search(r"\.step(_\d+)?$", tensor.name):
            self.draft.rename(tensor, self._name(value))
        codes = [q for q in quantizers(value) if quant_of(q) == quant] if quant else []
        for key in [q.outputs[0] for q in codes] or [value]:
            self.values.hold(key, tensor, order)

    def _out(self, index: int) -> ir.Value:
        end = self.place.ending.value
        return end if end is not None and index == 0 else self.place.node.outputs[index]

    def _name(self, value: ir.Value, coded: bool = False) -> str:
        """The value's own name; codes behind a port, which keeps it, are called by their own."""
        name = graph.name_of(value)
        found = quantizers(value)
        if found and (name.endswith(".real") or coded or name in self._ports):
            name = graph.name_of(found[0].outputs[0])
            own = name.removesuffix(".integer")
            return name if own in self._ports else own
        return name


def _dtype(value: ir.Value) -> str:
    """The type of a tensor that is computed: halves are kept in constants only."""
    return "float32" if is_real(value) else graph.dtype_of(value)


def _is_between_reals(node: ir.Node) -> bool:
    """Whether the node turns floats into floats of another width, which all are computed in one."""
    source = node.inputs[0] if node.op_type == "Cast" else None
    return source is not None and is_real(source) and is_real(node.outputs[0])
