"""Which values a mask of infinities runs through, from the constant that holds them.

    Where(k, x, -inf)    x + m, m of 0 and -3.4e38    up to the Softmax, which is finite again

Such a value has no range, and so no scale: it stays float, and with it what is computed on it.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile.graph import array, is_constant
from mcompile.types import Program

_HAND_ON = frozenset(
    {
        "Add",
        "Cast",
        "Concat",
        "Expand",
        "Gather",
        "Identity",
        "Max",
        "Min",
        "Mul",
        "Reshape",
        "Slice",
    }
) | {"Split", "Squeeze", "Sub", "Tile", "Transpose", "Unsqueeze", "Where", "Div", "Neg"}
_ENDLESS = 1e9
"""A number that no integer has a scale for beside what it masks."""
_LARGEST = 1 << 20
"""Numbers of a constant above which nobody looks for infinities: masks are smaller."""


def masked(program: Program) -> set[ir.Value]:
    """The values of the main graph that infinities of a constant may reach."""
    found: set[ir.Value] = set()
    for node in program.graph.graph:
        if node.domain or node.op_type not in _HAND_ON:
            continue
        if any(v is not None and (v in found or _is_endless(v)) for v in node.inputs):
            found |= {*node.outputs}
    return found


def _is_endless(value: ir.Value) -> bool:
    held = value.const_value if is_constant(value) else None
    if held is not None and held.size > _LARGEST:
        return False
    data = array(value)
    return data is not None and data.dtype.kind == "f" and bool((np.abs(data) > _ENDLESS).any())
