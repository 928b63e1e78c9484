"""What the standard says of an op at an operator set, and whether a node is one that it accepts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import onnx
import onnx.defs
import onnx.helper
import onnx_ir as ir

NEWEST = 25
"""The newest operator set whose ops are known here, with all that changed before it."""

_Formal = onnx.defs.OpSchema.FormalParameter
_OPTION = onnx.defs.OpSchema.FormalParameterOption


@lru_cache(maxsize=4096)
def schema(op: str, version: int) -> onnx.defs.OpSchema | None:
    """The op as that operator set defines it, or None where it has no such op or no longer."""
    try:
        found = onnx.defs.get_schema(op, version, "")
    except onnx.defs.SchemaError:
        return None
    return None if found.deprecated else found


def is_standard(node: ir.Node) -> bool:
    """Whether the op is of the standard set, whose versions are converted here."""
    return node.domain in {"", "ai.onnx"}


def default(formal: onnx.defs.OpSchema, name: str) -> Any:
    """What the attribute is where a node does not say, or None."""
    attribute = formal.attributes.get(name)
    if attribute is None or not attribute.default_value.name:
        return None
    found = onnx.helper.get_attribute_value(attribute.default_value)
    return found.decode() if isinstance(found, bytes) else found


def objection(node: ir.Node, formal: onnx.defs.OpSchema) -> str:
    """Why the node is no valid use of the op as it is defined there; empty when it is one."""
    return _attributes(node, formal) or _ports(node, formal)


def _attributes(node: ir.Node, formal: onnx.defs.OpSchema) -> str:
    for name in node.attributes:
        if name not in formal.attributes:
            return f"it has no attribute {name} there"
    for name, attribute in formal.attributes.items():
        if attribute.required and name not in node.attributes:
            return f"it needs the attribute {name} there"
    return ""


def _ports(node: ir.Node, formal: onnx.defs.OpSchema) -> str:
    inputs, outputs = _given(node.inputs), _given(node.outputs)
    if len(inputs) > formal.max_input:
        return f"it takes {formal.max_input} inputs there, not {len(inputs)}"
    if len(inputs) < formal.min_input:
        return f"it needs {formal.min_input} inputs there, not {len(inputs)}"
    if len(outputs) > formal.max_output:
        return f"it makes {formal.max_output} outputs there, not {len(outputs)}"
    bound: dict[str, str] = {}
    for values, formals in ((inputs, formal.inputs), (outputs, formal.outputs)):
        for value, port in zip(values, _spread(formals), strict=False):
            if reason := _type(value, port, bound):
                return reason
    return ""


def _given(values: Sequence[ir.Value | None]) -> Sequence[ir.Value | None]:
    """The values without those at the end that are left out."""
    count = len(values)
    while count and (values[count - 1] is None or not _named(values[count - 1])):
        count -= 1
    return values[:count]


def _named(value: ir.Value | None) -> bool:
    return value is not None and bool(value.name)


def _spread(formals: Sequence[_Formal]) -> Iterator[_Formal]:
    """The formal parameters, the last one over and over where it is variadic."""
    yield from formals
    while formals and formals[-1].option == _OPTION.Variadic:
        yield formals[-1]


def _type(value: ir.Value | None, port: _Formal, bound: dict[str, str]) -> str:
    if value is None or not value.name:
        return "" if port.option == _OPTION.Optional else f"it needs the input {port.name} there"
    found = spelled(value.type)
    if not found:
        return ""
    if found not in port.types:
        return f"{port.name} may not be {_plain(found)} there ({value.name})"
    if port.is_homogeneous and bound.setdefault(port.type_str, found) != found:
        return f"{port.name} must be {_plain(bound[port.type_str])} there, as the others are"
    return ""


def _plain(kind: str) -> str:
    return kind.removeprefix("tensor(").removesuffix(")") if kind.startswith("tensor(") else kind


def spelled(kind: ir.TypeProtocol | None) -> str:
    """The type as the standard writes it, `seq(tensor(float))` for example; empty if unknown."""
    if isinstance(kind, ir.SequenceType):
        inner = spelled(kind.elem_type)
        return inner and f"seq({inner})"
    if isinstance(kind, ir.OptionalType):
        inner = spelled(kind.elem_type)
        return inner and f"optional({inner})"
    if not isinstance(kind, ir.TensorType) or kind.dtype == ir.DataType.UNDEFINED:
        return ""
    return f"tensor({kind.dtype.name.lower()})"


def since(op: str, version: int) -> int:
    """The operator set in which the op got the form that it has there; 0 for an unknown op."""
    try:
        return int(onnx.defs.get_schema(op, version, "").since_version)
    except onnx.defs.SchemaError:
        return 0
