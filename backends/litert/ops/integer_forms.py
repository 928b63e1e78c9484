"""Ops that spell integers out for another runtime: refused, with what to give in their place."""

from __future__ import annotations

import onnx_ir as ir

from mcompile.backends.litert.lowering import Lowering, Write
from mcompile.backends.litert.walk import Walk

_FORMS = (
    "ConvInteger", "DynamicQuantizeLinear", "MatMulInteger", "QLinearConv", "QLinearMatMul",
)  # fmt: skip


def _refused(walk: Walk, node: ir.Node) -> None:
    raise walk.place.refused(
        f"{node.op_type} spells integers out as other runtimes compute them",
        "give the float model, or one with QuantizeLinear and DequantizeLinear",
    )


_WRITE: Write = _refused

LOWERINGS = {name: Lowering(_WRITE) for name in _FORMS}
