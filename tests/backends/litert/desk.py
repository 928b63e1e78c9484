"""A walk at one node, to ask a single function of the lowering, and to run what it wrote."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from mcompile.backends.litert.draft import Draft, Quant
from mcompile.backends.litert.flatbuffer import Interface, packed
from mcompile.backends.litert.lowering import lowerings
from mcompile.backends.litert.place import placed
from mcompile.backends.litert.walk import Walk

from .lowered import KERNELS, model


class Desk:
    """The first node, of that op, of a program whose inputs are held: nothing else is written."""

    def __init__(self, given="float[1] x", body="y = Relu (x)", op="", stand_in=0, **stored):
        self.program = model(given, body, **stored)
        self.draft = Draft(stand_in)
        self.walk = Walk(self.program, self.draft)
        for value in self.program.graph.graph.inputs:
            self.walk._input(value)
        self.node = next(n for n in self.program.graph.graph if op in ("", n.op_type))
        self.walk._place = placed(self.node, lowerings()[self.node.op_type])
        self.fed = []

    def value(self, name):
        body = self.program.graph.graph
        values = [*body.inputs, *body.initializers.values(), *(o for n in body for o in n.outputs)]
        return next(v for v in values if v.name == name)

    def tensor(self, data, scale=None, zero=0):
        """A tensor that is fed this array, whose codes have that scale."""
        quant = None if scale is None else Quant((scale,), (zero,))
        made = self.draft.tensor("fed", data.shape, str(data.dtype), quant)
        self.fed.append((made, data))
        return made

    def kinds(self):
        return [op.kind for op in self.draft.ops]

    def run(self, made):
        """What the file makes of it, with the runtime's own kernels."""
        ports = Interface([(f"i{k}", t) for k, (t, _) in enumerate(self.fed)], [("o", made)], {})
        data = packed(self.draft, ports, "m")
        runner = Interpreter(model_content=data, experimental_op_resolver_type=KERNELS[1])
        runner.allocate_tensors()
        for detail, (_, array) in zip(runner.get_input_details(), self.fed, strict=True):
            runner.set_tensor(detail["index"], np.ascontiguousarray(array))
        runner.invoke()
        return runner.get_tensor(runner.get_output_details()[0]["index"])
