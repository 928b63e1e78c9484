"""Whether an ONNX graph is one: names, order, types and operators, each fault with its node.

The standard's own checker and its inference have the last word; they are shown the model without
its large weights, so that a model of any size can be checked. What they say first of a fault is
often not where it is, so names and order are looked at here before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import onnx
import onnx.helper as proto

from mcompile.errors import SourceError
from mcompile.frontend import scopes
from mcompile.frontend.runtime import first_line
from mcompile.frontend.tensors import check_tensor

_SMALL = 1000
_DEPRECATED = "is deprecated in domain_version"
_RUNTIME_DOMAINS = {"com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc"}
_STANDARD = {"", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training"}
_CONTEXT = re.compile(r"Bad node spec for node\. Name: (.*) OpType: (.*)")
_WRONG_TYPE = re.compile(
    r"\(op_type:([^,)]*)(?:, node name: ([^)]*))?\): (?:\[\w+\] )?"
    r"(\S+ has inconsistent type \S+|\S+ typestr: \S+ has unsupported type: \S+"
    r"|Inferred elem type differs from existing elem type: \(\d+\) vs \(\d+\))"
)
_AGAIN = "export it again; `python -m onnx.checker` checks any model"


def check(model: onnx.ModelProto, label: str) -> None:
    """Raise `SourceError`, naming the node or tensor, where the model breaks the specification.

    Nodes that do not stand in the order they run in are no fault, as long as there is one. An op
    of a domain that the model imports and nobody here knows is no fault either.
    """
    _check_versions(model, label)
    for node in scopes.nodes(model.graph.node):
        _check_op(node, model, label)
    for tensor in model.graph.initializer:
        check_tensor(tensor, label)
    scopes.check(model.graph, label)
    for kind, values in (("input", model.graph.input), ("output", model.graph.output)):
        for value in values:
            _check_typed(value, kind, label)
    light = _light(model)
    _rank_outputs(light, label)
    try:
        onnx.checker.check_model(light)
    except (onnx.checker.ValidationError, ValueError) as error:
        if _DEPRECATED in str(error):  # GroupNormalization is so in opsets 18 to 20, and runs
            return
        raise SourceError(
            f"this ONNX model is not valid: {first_line(error)}",
            where=_place(str(error), label),
            fix=_AGAIN,
        ) from error
    _check_types(light, label)


def _check_versions(model: onnx.ModelProto, label: str) -> None:
    newest = onnx.defs.onnx_opset_version()
    if model.ir_version > onnx.IR_VERSION:
        raise SourceError(
            f"IR version {model.ir_version} is newer than the newest that is known here, "
            f"{onnx.IR_VERSION}",
            where=label,
            fix="pip install -U onnx onnxruntime, or export it for an older version",
        )
    for imported in model.opset_import:
        if imported.domain in ("", "ai.onnx") and imported.version > newest:
            raise SourceError(
                f"opset {imported.version} is newer than the newest that is known here, {newest}",
                where=label,
                fix="pip install -U onnx onnxruntime, or export it at an older opset",
            )


def _check_typed(value: onnx.ValueInfoProto, kind: str, label: str) -> None:
    held = value.type.WhichOneof("value")
    tensor = value.type.tensor_type
    lacks = "" if held else "type"
    if held == "tensor_type":
        ranked = tensor.HasField("shape") or kind == "output"  # inference may tell that of outputs
        lacks = "element type" if not tensor.elem_type else "" if ranked else "rank"
    if lacks:
        raise SourceError(
            f"the {kind} {value.name} has no {lacks}",
            where=f"{label}, graph inputs and outputs",
            fix="export it again, with types and shapes of inputs and outputs (sizes may be free)",
        )


def _rank_outputs(light: onnx.ModelProto, label: str) -> None:
    """Give outputs the rank that is inferred where none is declared."""
    bare = [v for v in light.graph.output if v.type.HasField("tensor_type") and _is_bare(v)]
    if not bare:
        return
    found = onnx.shape_inference.infer_shapes(light).graph.output
    inferred = {v.name: v for v in found if not _is_bare(v)}
    for value in bare:
        if value.name not in inferred:
            raise SourceError(
                f"the output {value.name} has no rank, and none can be inferred",
                where=f"{label}, graph outputs",
                fix="export it again, with shapes of inputs and outputs (sizes may be free)",
            )
        value.CopyFrom(inferred[value.name])


def _is_bare(value: onnx.ValueInfoProto) -> bool:
    return not value.type.tensor_type.HasField("shape")


def _check_op(node: onnx.NodeProto, model: onnx.ModelProto, label: str) -> None:
    domain = "" if node.domain == "ai.onnx" else node.domain
    versions = {"" if o.domain == "ai.onnx" else o.domain: o.version for o in model.opset_import}
    own = {(f.domain, f.name) for f in model.functions}
    known = (node.domain, node.op_type) in own or domain in _RUNTIME_DOMAINS
    if domain not in versions and (known or not domain):
        raise SourceError(
            f"the model does not say which opset of {domain or 'ai.onnx'} it uses",
            where=scopes.at(node, label),
            fix="add it to `opset_import`: onnx.helper.make_opsetid(domain, version)",
        )
    foreign = domain in versions and domain not in _STANDARD
    if known or (foreign and node.op_type):
        return
    if domain not in versions or not onnx.defs.has(node.op_type, versions[domain], domain):
        name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        raise SourceError(
            f"{name or 'an op without a name'} is not an operator of opset "
            f"{versions.get(domain, 'none')}",
            where=scopes.at(node, label),
            fix="export with standard operators, or with the op as a function in the model",
        )


def _light(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model in order, its large initializers turned into inputs."""
    graph = model.graph
    light = onnx.GraphProto(name=graph.name or "graph", input=graph.input, output=graph.output)
    light.value_info.extend(graph.value_info)
    light.node.extend(scopes.ordered(graph))
    given = {value.name for value in graph.input}
    for tensor in graph.initializer:
        if len(tensor.raw_data) <= _SMALL and not tensor.external_data:
            light.initializer.append(tensor)
        elif tensor.name not in given:
            light.input.append(
                proto.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )
    made = onnx.ModelProto(ir_version=model.ir_version, graph=light)
    made.opset_import.extend(model.opset_import)
    made.functions.extend(model.functions)
    return made


def _check_types(light: onnx.ModelProto, label: str) -> None:
    """Only what is said of types counts: a shape that is declared wrong is inferred anew."""
    try:
        onnx.shape_inference.infer_shapes(light, check_type=True, strict_mode=True)
    except Exception as error:  # its own class, TypeError, and what protobuf raises
        found = _WRONG_TYPE.findall(str(error))
        if not found:
            return
        # A branch's node is told within that of its If: the innermost is the one.
        op, name, what = found[-1] if "Graph attribute" in str(error) else found[0]
        raise SourceError(
            f"this ONNX model is not valid: {_worded(what)}",
            where=f"{label}, node {_named(name, op, light)}",
            fix=_AGAIN,
        ) from error


def _named(name: str, op: str, light: onnx.ModelProto) -> str:
    """A node without a name is known by what it makes, where it is the only one of its op."""
    same = [n for n in scopes.nodes(light.graph.node) if n.op_type == op]
    made = ", ".join(same[0].output) if len(same) == 1 else ""
    return f"{name or made} ({op})".strip()


def _worded(what: str) -> str:
    numbers = re.findall(r"\((\d+)\)", what)
    if not numbers:
        return what.replace(" typestr: T,", "")
    made, declared = (onnx.TensorProto.DataType.Name(int(n)) for n in numbers)
    return f"it makes {made}, and {declared} is declared"


def _place(text: str, label: str) -> str:
    contexts: Iterable[tuple[str, str]] = _CONTEXT.findall(text)
    told = [f"node {name} ({op})" if name else f"a node ({op})" for name, op in contexts]
    return f"{label}, {told[-1]}" if told else label
