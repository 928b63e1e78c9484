"""The node that is being written: whether it is on integers, and what becomes part of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.endings import Ending, ending
from mcompile.backends.litert.lowering import Lowering
from mcompile.backends.litert.pairs import BIASED, code_of, data_of, is_real, quant_of, quantizers
from mcompile.errors import LoweringError
from mcompile.graph import dtype_of
from mcompile.schemes.litert import LITERT_INT8, LITERT_INT16X8

_SUMS = frozenset({"Add", "Sub"})
"""Whose kernels shift what they read left by 20 bits, 15 where codes have 16, and abort where the
factor back to the output's codes is not below 1."""
WIDEST_BIAS = 2**46
"""In steps: kernels of int16 take sums below 2 ** 47."""
_GRAPHS = (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)
WAYS_OUT = "`mcompile explain LoweringError` lists the ways out"


@dataclass(frozen=True)
class Place:
    """A node and how it is written. `later` is done once it is."""

    node: ir.Node
    lowering: Lowering
    ending: Ending
    integers: bool
    later: list[Callable[[], None]] = field(default_factory=list)

    def refused(self, what: str, fix: str = WAYS_OUT) -> LoweringError:
        """The error that says why this node cannot be written."""
        return refusal(self.node, what, fix)


def placed(node: ir.Node, lowering: Lowering) -> Place:
    """The node with what becomes part of it, on integers where all it reads and makes are codes."""
    end = ending(node, lowering)
    outs = [v for v in (end.value or node.outputs[0], *node.outputs[1:]) if _is_used(v)]
    made = [quantizers(v) for v in outs if is_real(v)]
    types = {dtype_of(q.outputs[0]) for found in made for q in found}
    data = data_of(node)
    read = [code_of(v) for v in data]
    integers = bool(data) and None not in read and all(made) and types <= lowering.integers
    integers = integers and all(_in_range(node, q, data) for found in made for q in found)
    return Place(node, lowering, end, integers and _holds_bias(node, end.bias))


def _in_range(node: ir.Node, pair: ir.Node, data: Sequence[ir.Value]) -> bool:
    """Whether the kernel makes codes of that scale.

    Some make those of one scale alone, and sums none that is far finer than what is summed.
    """
    code = dtype_of(pair.outputs[0])
    fixed = (LITERT_INT16X8 if code == "int16" else LITERT_INT8).fixed.get(node.op_type)
    quant = quant_of(pair)
    if quant is None:
        return True
    if node.op_type in _SUMS:
        read = [q.scale[0] for v in data if (q := quant_of(v.producer())) is not None]
        finest = 2 * max(read, default=0.0) / 2 ** (15 if code == "int16" else 20)
        return quant.scale[0] > finest
    return fixed is None or fixed == (quant.scale[0], quant.zero_point[0])


def _holds_bias(node: ir.Node, added: ir.Value | None) -> bool:
    """Whether sums beside int16 have room for a bias that comes as a number; int8 has pairs."""
    bias = node.inputs[2] if node.op_type in BIASED and len(node.inputs) > 2 else added
    data, scales = graph.array(bias), [quant_of(v.producer()) for v in node.inputs[:2] if v]
    if data is None or len(scales) < 2 or scales[0] is None or scales[1] is None:
        return True
    unit = scales[0].scale[0] * min(scales[1].scale)
    return float(np.abs(data).max(initial=0.0)) < WIDEST_BIAS * unit


def _is_used(value: ir.Value) -> bool:
    return bool(value.name) and (value.is_graph_output() or bool(value.uses()))


def refusal(node: ir.Node, what: str, fix: str = WAYS_OUT) -> LoweringError:
    """The error that says why a node cannot be written."""
    return LoweringError(what, where=origin_of(node), fix=fix)


def origin_of(node: ir.Node) -> str:
    """What errors call a node."""
    name = node.name or (node.outputs[0].name if node.outputs else "") or "?"
    return f"node {name} ({node.op_type})"


def unknown(node: ir.Node) -> LoweringError:
    """The error for a node that nothing writes."""
    if any(a.type in _GRAPHS for a in node.attributes.values()):
        return refusal(
            node,
            f"{node.op_type} decides when the model runs what is computed",
            "a model whose conditions are constants, or that is exported with loops unrolled",
        )
    kind = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
    return refusal(node, f"LiteRT has no builtin operator for {kind}")
