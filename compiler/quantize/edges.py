"""What a node reads and hands on as data, and what vanishes into its kernel.

    layer -> [bias of a MatMul] -> [activation]        one kernel: nothing between has a scale

A MatMul has no bias of its own in ONNX, and has one in runtimes that compute on integers alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import onnx_ir as ir

from mcompile.graph import array, is_constant, sole_user
from mcompile.types import Scheme

_JOINS = frozenset(
    {"Add", "Concat", "Div", "Einsum", "MatMul", "Max", "Mean", "Min", "Mul", "PRelu", "Sub", "Sum"}
)
_AMONG = {"ScatterElements": (0, 2), "ScatterND": (0, 2), "Where": (1, 2)}
"""Which inputs of an op are data, where others stand between them or in front."""
_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})


def read(node: ir.Node) -> list[ir.Value]:
    """The values that the node computes on: no shapes, axes, indices, pads or ends."""
    taken = node.inputs if node.op_type in _JOINS else node.inputs[:1]
    if node.op_type in _AMONG:
        taken = [node.inputs[i] for i in _AMONG[node.op_type]]
    return [v for v in taken if v is not None]


def is_layer(node: ir.Node, scheme: Scheme) -> bool:
    """Whether the node multiplies by a constant weight.

    Several constant matrices side by side are no weight where a kernel multiplies computed ones.
    """
    if node.op_type not in scheme.weighted or node.domain or not is_constant(node.inputs[1]):
        return False
    return node.op_type not in scheme.paired or len(sizes(node.inputs[1])) == 2


def absorbed(node: ir.Node, scheme: Scheme) -> list[ir.Node]:
    """The nodes that a kernel for this one computes along with it, in order."""
    found = []
    bias = bias_of(node) if scheme.integer_only else None
    if bias is not None:
        found.append(bias[0])
    user = sole_user((found[-1] if found else node).outputs[0])
    if user is None or user.op_type not in scheme.absorbed or user.domain:
        return found
    if user.op_type == "PRelu" and not is_constant(user.inputs[1]):
        return found
    return found if scheme.integer_only and _cuts_zero(user) else [*found, user]


def _cuts_zero(node: ir.Node) -> bool:
    """Whether the node is a Clip whose ends cannot be those of integers, which hold zero."""
    if node.op_type != "Clip":
        return False
    low, high = _end(node, 1, "min", -math.inf), _end(node, 2, "max", math.inf)
    return not low <= 0 <= high


def _end(node: ir.Node, index: int, name: str, without: float) -> float:
    """An end of a Clip; NaN where it is computed."""
    value = node.inputs[index] if len(node.inputs) > index else None
    if value is None:
        return node.attributes.get_float(name, without)
    data = array(value)
    return float(data.reshape(-1)[0]) if data is not None and data.size == 1 else math.nan


def handed_on(node: ir.Node, scheme: Scheme) -> ir.Value:
    """What the node's kernel really writes: the output of the last node that it absorbs."""
    chain = absorbed(node, scheme) if node.op_type in scheme.closed else []
    return (chain[-1] if chain else node).outputs[0]


def bias_of(node: ir.Node) -> tuple[ir.Node, int] | None:
    """The Add behind a MatMul that adds a constant to each column, and which input that is."""
    add = sole_user(node.outputs[0]) if node.op_type == "MatMul" else None
    weight = sizes(node.inputs[1])
    if add is None or add.op_type != "Add" or add.domain or len(weight) != 2:
        return None
    columns = weight[-1:]
    for index, value in enumerate(add.inputs):
        if is_constant(value) and value is not None and value.dtype == ir.DataType.FLOAT:
            shape = sizes(value)
            if shape[-1:] == columns and math.prod(shape) == shape[-1]:
                return add, index
    return None


def shortcut(node: ir.Node, scheme: Scheme, layers: Iterable[ir.Node]) -> ir.Value | None:
    """Of a residual sum, the branch beside the one that a convolution on integers makes.

    `layers` are those on integers, in the order of execution: of two convolutions the one farther
    from where their branches part is computed together with the sum, as Model Optimizer has it.
    """
    if not scheme.one_branch or node.op_type != "Add" or node.domain or len(node.inputs) != 2:
        return None
    if any(v is None or is_constant(v) for v in node.inputs):
        return None
    made = [n.outputs[0] for n in layers if n.op_type in _CONVOLUTIONS]
    fused = [v for v in made if v in node.inputs and sole_user(v) is node]
    return next((v for v in node.inputs if v is not _farther(fused)), None) if fused else None


def _farther(ends: list[ir.Value]) -> ir.Value:
    """Of the ends of branches the one more steps from where they part; of equals the last."""
    if len(ends) < 2:
        return ends[-1]
    first, last = _steps_back(ends[0]), _steps_back(ends[-1])
    forks = [v for v in first if v in last]
    fork = min(forks, key=lambda v: first[v] + last[v], default=None)
    return ends[0] if fork is not None and first[fork] > last[fork] else ends[-1]


def _steps_back(end: ir.Value) -> dict[ir.Value, int]:
    """All that the value is computed from, by the fewest nodes between."""
    found = {end: 0}
    reached = [end]
    for value in reached:
        node = value.producer()
        for source in node.inputs if node is not None else ():
            if source is not None and source not in found and not is_constant(source):
                found[source] = found[value] + 1
                reached.append(source)
    return found


def sizes(value: ir.Value | None) -> tuple[int, ...]:
    """The shape of a constant."""
    tensor = value.const_value if value is not None else None
    return tuple(int(d) for d in tensor.shape.numpy()) if tensor is not None else ()


def is_plain_gemm(node: ir.Node) -> bool:
    """Whether a Gemm is a matrix product and a bias, with nothing scaled or transposed."""
    get = node.attributes.get_float
    return (
        get("alpha", 1.0) == 1.0
        and get("beta", 1.0) == 1.0
        and not node.attributes.get_int("transA", 0)
    )
