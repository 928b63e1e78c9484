"""Trailing outputs that an op may leave out, and that nobody reads, are left out.

    y, mask = Dropout(x)  ->  y = Dropout(x)            y, at = MaxPool(x)  ->  y = MaxPool(x)
    y, mean, inv_std_dev = LayerNormalization(x, w)  ->  y = LayerNormalization(x, w)

Which may be left out is what the ONNX schema of the op calls optional. The outputs of a
BatchNormalization stay as they are: before opset 14 their number says whether it is training.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import onnx.defs
import onnx_ir as ir

from mcompile.rules import ANY, Phase, Rule, Skip


@dataclass(frozen=True)
class Spare:
    """A node, and how many of its outputs are needed."""

    node: ir.Node
    needed: int


class DropUnusedOutputs(Rule[Spare]):
    root = ANY
    phase = Phase.CLEAN

    def match(self, node: ir.Node) -> Spare | Skip | None:
        if len(node.outputs) < 2 or node.domain not in {"", "ai.onnx"}:
            return None
        read = [k for k, v in enumerate(node.outputs) if v.uses() or v.is_graph_output()]
        least = _required(node.op_type, self.opset)
        needed = max(read[-1] + 1, least) if read else len(node.outputs)
        if needed >= len(node.outputs):
            return None
        if node.op_type == "BatchNormalization":
            return Skip("the number of its outputs says whether it is training")
        return Spare(node, needed)

    def rewrite(self, found: Spare) -> None:
        found.node.resize_outputs(found.needed)


@lru_cache(maxsize=1024)
def _required(op: str, opset: int) -> int:
    """How many leading outputs the op cannot be without; all of them for an unknown op."""
    try:
        outputs = onnx.defs.get_schema(op, opset, "").outputs
    except onnx.defs.SchemaError:
        return 1 << 30
    optional = onnx.defs.OpSchema.FormalParameterOption.Optional
    last = [k for k, output in enumerate(outputs) if output.option != optional]
    variadic = onnx.defs.OpSchema.FormalParameterOption.Variadic
    if any(o.option == variadic for o in outputs):
        return 1 << 30
    return max(1, *(k + 1 for k in last)) if last else 1
