"""Which inputs and outputs of a node can be of 16 bits, by the standard's own schemas.

A schema ties inputs and outputs together by type variables: those of one variable change together
or not at all. A variable that does not admit the type, or a place that is spelled `tensor(float)`,
stays float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import onnx
import onnx_ir as ir

from mcompile.graph import integer

HALVES = {"float16": ir.DataType.FLOAT16, "bfloat16": ir.DataType.BFLOAT16}
STANDARD = frozenset({"", "ai.onnx"})

_SPELLED = {
    ir.DataType.FLOAT: "tensor(float)",
    ir.DataType.FLOAT16: "tensor(float16)",
    ir.DataType.BFLOAT16: "tensor(bfloat16)",
}
# Places in a picture: 11 digits of a coordinate are whole pixels in a large one.
_COORDINATES = {("GridSample", "T2"), ("Resize", "T2")}


@dataclass(frozen=True)
class Slots:
    """Positions of the float32 inputs and outputs that can become 16 bits, together.

    Where there are none although the node holds floats, `why` says so.
    """

    reads: tuple[int, ...] = ()
    makes: tuple[int, ...] = ()
    why: str = ""

    def __bool__(self) -> bool:
        return bool(self.reads or self.makes)


def is_float(value: ir.Value | None) -> bool:
    """Whether the value is known to be a float32 tensor."""
    if value is None or value.dtype != ir.DataType.FLOAT:
        return False
    return value.type is None or isinstance(value.type, ir.TensorType)


def is_edge(node: ir.Node, half: ir.DataType) -> bool:
    """Whether the node is a Cast between float32 and the 16-bit type, in either direction."""
    if node.op_type != "Cast" or node.domain not in STANDARD or node.inputs[0] is None:
        return False
    return {node.inputs[0].dtype, integer(node, "to", 0)} == {ir.DataType.FLOAT, half}


def slots(node: ir.Node, opset: int, half: ir.DataType) -> Slots:
    """What of the node can be of 16 bits at that version of the standard operators."""
    if not any(is_float(v) for v in (*node.inputs, *node.outputs)) or is_edge(node, half):
        return Slots()
    if why := _refused(node):
        return Slots(why=why)
    try:
        schema = onnx.defs.get_schema(node.op_type, opset, "")
    except onnx.defs.SchemaError:
        return Slots(why=f"the standard knows no {node.op_type} at operator set {opset}")
    special = _special(node, schema, half)
    found = _bound(node, schema, half) if special is None else special
    if found or found.why:
        return found
    return Slots(why=f"{node.op_type} has no {half.name.lower()} form at operator set {opset}")


def _refused(node: ir.Node) -> str:
    if node.domain not in STANDARD:
        return f"{node.domain}::{node.op_type} is no op of the standard"
    if _holds_sequences(node):
        return "it holds sequences, whose elements would all have to change"
    if node.op_type != "If" and _has_branches(node):
        return "it carries values from step to step, and their error grows"
    return ""


def complete(node: ir.Node, opset: int) -> None:
    """Give outputs of unknown type that of the input they share a type variable with."""
    if node.domain not in STANDARD or all(v.type is not None for v in node.outputs):
        return
    try:
        schema = onnx.defs.get_schema(node.op_type, opset, "")
    except onnx.defs.SchemaError:
        return
    known = {k: v.type for v, k in _paired(node.inputs, schema.inputs) if v and v.type}
    for value, kind in _paired(node.outputs, schema.outputs):
        if value is not None and value.type is None and not _has_branches(node):
            value.type = known.get(kind)


def _bound(node: ir.Node, schema: onnx.defs.OpSchema, half: ir.DataType) -> Slots:
    allowed = _allowed(schema, half) - {v for op, v in _COORDINATES if op == node.op_type}
    inputs = list(_paired(node.inputs, schema.inputs))
    allowed -= {k for v, k in inputs if v is not None and v.dtype is None}
    reads = tuple(i for i, (v, k) in enumerate(inputs) if is_float(v) and k in allowed)
    shared = {inputs[i][1] for i in reads}
    outputs = enumerate(_paired(node.outputs, schema.outputs))
    # A variable that no input binds is set by an attribute, which would have to change too.
    return Slots(reads, tuple(i for i, (v, k) in outputs if _is_made(v) and k in shared))


def _special(node: ir.Node, schema: onnx.defs.OpSchema, half: ir.DataType) -> Slots | None:
    """Ops whose output type is a matter of their attributes."""
    allowed = _allowed(schema, half)
    if node.op_type == "Cast":
        read = is_float(node.inputs[0]) and "T1" in allowed
        source = node.inputs[0].dtype if node.inputs[0] is not None else None
        made = is_float(node.outputs[0]) and source is not None and "T2" in allowed
        return Slots((0,) * read, (0,) * made)
    if node.op_type == "ConstantOfShape":
        return Slots((), (0,) if "value" in node.attributes and "T2" in allowed else ())
    return _branched(node, "V" in allowed) if node.op_type == "If" else None


def _branched(node: ir.Node, allowed: bool) -> Slots:
    """Outputs that every branch computes as a float32 tensor."""
    ends = [branch.as_graph().outputs for branch in node.attributes.values()]
    made = [i for i, v in enumerate(node.outputs) if _is_made(v) and allowed]
    constant = {i for i in made for e in ends if (n := e[i].producer()) and n.op_type == "Constant"}
    found = tuple(i for i in made if i not in constant and all(is_float(e[i]) for e in ends))
    return Slots((), found, "" if found or not constant else "a branch of it gives a constant")


def _allowed(schema: onnx.defs.OpSchema, half: ir.DataType) -> set[str]:
    both = {_SPELLED[ir.DataType.FLOAT], _SPELLED[half]}
    return {c.type_param_str for c in schema.type_constraints if both <= {*c.allowed_type_strs}}


def _paired(
    given: Sequence[ir.Value | None], formal: Sequence[onnx.defs.OpSchema.FormalParameter]
) -> Iterator[tuple[ir.Value | None, str]]:
    """Each value with its type variable, or the literal type; the last formal may repeat."""
    for index, value in enumerate(given):
        parameter = formal[min(index, len(formal) - 1)]
        yield value, parameter.type_str if parameter.is_homogeneous else f"{index} of many"


def _is_made(value: ir.Value | None) -> bool:
    """Whether the output is a float32 tensor, and is not left out."""
    return value is not None and bool(value.name) and is_float(value)


def _holds_sequences(node: ir.Node) -> bool:
    types = (v.type for v in (*node.inputs, *node.outputs) if v is not None)
    named = "Sequence" in node.op_type or "Optional" in node.op_type
    return named or any(t is not None and not isinstance(t, ir.TensorType) for t in types)


def _has_branches(node: ir.Node) -> bool:
    kinds = {ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS}
    return any(a.type in kinds for a in node.attributes.values())
