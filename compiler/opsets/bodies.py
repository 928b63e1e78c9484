"""What a node of a newer operator set stands for, in ops of an older one.

The standard defines many of its newer ops as functions of older ones; for the norms it is
not followed, see `norms`. A triangle is kept by comparing the numbers of rows and columns:

    triu(x, k)[i, j] = x[i, j] if j - i >= k else 0
"""

from __future__ import annotations

from typing import Any

import onnx
import onnx.helper
import onnx.inliner
import onnx.parser
import onnx.shape_inference
import onnx_ir as ir

from mcompile.opsets import norms
from mcompile.opsets.schemas import schema

_DOMAIN = "mcompile.body"


def body(node: ir.Node, version: int, target: int) -> tuple[ir.Model, int] | None:
    """The node of that operator set as a model of its own, and the set that is written in.

    Its inputs are `i0`, `i1`, … and its outputs `o0`, `o1`, … by the places that they have at the
    node; those left out or unread are not there. None where the standard does not say what the op
    stands for, or the types of its inputs are not known.
    """
    call = _call(node)
    function = _own(node, version) or _standard(node, call, version, target)
    if function is None:
        return None
    del function.output[len(call.output) :]
    function.domain, function.name = _DOMAIN, "Body"
    written = next(o.version for o in function.opset_import if not o.domain)
    try:
        model = ir.from_proto(_inlined(node, call, function, written))
    except Exception:  # the inliner and the checks behind it raise classes of their own
        return None
    return model, written


def _call(node: ir.Node) -> onnx.NodeProto:
    """The node with its values numbered, and those left out that nobody reads."""
    call = onnx.NodeProto(op_type=node.op_type)
    call.attribute.extend(ir.to_proto(node).attribute)
    inputs = ["" if v is None else f"i{k}" for k, v in enumerate(node.inputs)]
    wanted = _wanted(node)
    outputs = [f"o{k}" if k in wanted else "" for k in range(max(wanted) + 1)]
    while inputs and not inputs[-1]:
        inputs.pop()
    call.input.extend(inputs)
    call.output.extend(outputs)
    return call


def _wanted(node: ir.Node) -> list[int]:
    """The places of the outputs that somebody reads; the first where nobody reads any."""
    return [k for k, v in enumerate(node.outputs) if v.uses() or v.is_graph_output()] or [0]


def _standard(
    node: ir.Node, call: onnx.NodeProto, version: int, target: int
) -> onnx.FunctionProto | None:
    """The body that the standard gives, of the newest operator set that is old enough."""
    formal: Any = schema(node.op_type, version)  # whose functions have no types
    if formal is None or not (formal.has_function or formal.has_context_dependent_function):
        return None
    plain = formal.has_function
    known = "function" if plain else "context_dependent_function"
    written: list[int] = getattr(formal, f"{known}_opset_versions")
    chosen = max((v for v in written if v <= target), default=min(written))
    try:
        if plain:
            data = formal.get_function_with_opset_version(chosen)
        else:
            types = [_kind(v).SerializeToString() for v in node.inputs[: len(call.input)]]
            data = formal.get_context_dependent_function_with_opset_version(
                chosen, call.SerializeToString(), types
            )
    except Exception:  # the standard's code raises RuntimeError and SchemaError
        return None
    made: onnx.FunctionProto = onnx.FunctionProto.FromString(data)
    if not made.node:  # a type that the body depends on is not known
        return None
    said = {a.name for a in call.attribute}
    for name in made.attribute:
        if name not in said and formal.attributes[name].default_value.name:
            call.attribute.append(formal.attributes[name].default_value)
    return made


def _kind(value: ir.Value | None) -> onnx.TypeProto:
    if value is None:
        return onnx.TypeProto()
    found: onnx.TypeProto = ir.to_proto(value).type
    return found


def _inlined(
    node: ir.Node, call: onnx.NodeProto, function: onnx.FunctionProto, version: int
) -> onnx.ModelProto:
    """A model that is the body alone, typed; outputs that are inputs go through an Identity."""
    call.domain, call.op_type = _DOMAIN, "Body"
    ports = [
        onnx.ValueInfoProto(name=f"i{k}", type=_kind(v))
        for k, v in enumerate(node.inputs)
        if v is not None
    ]
    results = [onnx.ValueInfoProto(name=f"o{k}") for k in _wanted(node)]
    imports = [
        onnx.helper.make_opsetid("", version),
        onnx.helper.make_opsetid(_DOMAIN, 1),
    ]
    made = onnx.helper.make_model(
        onnx.helper.make_graph([call], "body", ports, results),
        functions=[function],
        opset_imports=imports,
        ir_version=10,
    )
    flat = onnx.inliner.inline_local_functions(made)
    return onnx.shape_inference.infer_shapes(flat, data_prop=True)


def _own(node: ir.Node, version: int) -> onnx.FunctionProto | None:
    """A body of ours, in ops of operator set 13, where there is one for this node."""
    text = ""
    if node.op_type == "Trilu":
        text = _triangle(node)
    elif _wanted(node) == [0]:
        text = norms.written(node, version)
    head = f'<opset_import: ["" : 13], domain: "{_DOMAIN}">'
    return onnx.parser.parse_function(f"{head} {text}") if text else None


def _triangle(node: ir.Node) -> str:
    dtype = node.inputs[0].dtype if node.inputs[0] is not None else None
    if dtype is None:
        return ""
    told = len(node.inputs) > 1 and node.inputs[1] is not None
    compared = "GreaterOrEqual" if node.attributes.get_int("upper", 1) else "LessOrEqual"
    masked = f"blank = Cast <to = {dtype.value}> (zero)\n        y = Where(kept, x, blank)"
    if dtype == ir.DataType.BOOL:  # which runtimes do not choose by a condition
        masked = "y = And(kept, x)"
    return f"""Body ({"x, k" if told else "x"}) => (y) {{
        shape = Shape(x)
        zero = Constant <value_int = 0> ()
        one = Constant <value_int = 1> ()
        last = Constant <value_int = -1> ()
        second = Constant <value_int = -2> ()
        column = Constant <value_ints = [1]> ()
        height = Gather(shape, second)
        width = Gather(shape, last)
        rows = Range(zero, height, one)
        columns = Range(zero, width, one)
        down = Unsqueeze(rows, column)
        above = Sub(columns, down)
        kept = {compared}(above, {"k" if told else "zero"})
        {masked}
    }}"""
