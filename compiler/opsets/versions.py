"""A program in another version of the standard: its operator set and its file format.

Nothing is serialized but what the standard's own code has to see, and there large weights are
left out: a model of any size is converted in the memory of its nodes.
"""

from __future__ import annotations

import onnx
import onnx.version_converter
import onnx_ir as ir
from onnx_ir.passes import common

from mcompile import graph
from mcompile.errors import LoweringError
from mcompile.opsets import ir_versions
from mcompile.opsets.conversion import convert
from mcompile.opsets.schemas import NEWEST
from mcompile.types import Program

PER_AXIS = 13
"""The first operator set whose DequantizeLinear has an axis."""

_BROADCAST = 7
"""The first operator set that broadcasts as numpy does."""

_SMALL = 1024
"""Bytes below which a weight is shown to the standard's converter: it may be an axis."""


def converted(source: Program, version: int, newest_ir: int | None = None) -> Program:
    """The program in that operator set, and in the version of the format that came with it.

    The format becomes that version, or where nothing is lowered at least that; and never more than
    `newest_ir`, where that is given. Functions are inlined. What comes back must be held against
    the source. Raises `LoweringError` naming the node that the operator set cannot hold, or the
    value whose type the format cannot.
    """
    if not PER_AXIS <= version <= NEWEST and version != graph.opset(source):
        raise LoweringError(
            f"{version} is not an operator set that models are converted to",
            where=source.name,
            fix=f"{PER_AXIS} to {NEWEST}",
        )
    made = graph.clone(inlined(source))
    before = graph.opset(made)
    if before and before < _BROADCAST and before != version:
        made, before = _modern(made), _BROADCAST
    model = made.graph
    if before and before != version:
        graph.infer_shapes(made)
        with graph.naming(model):
            convert(model.graph, before, version)
        model.opset_imports[""] = version
    published = ir_versions.of_opset(version)
    if before < version:
        model.ir_version = max(model.ir_version or 0, published)
    if newest_ir or before > version:
        ir_versions.cap(model, newest_ir or published)
    return _finished(source, model)


def _finished(source: Program, model: ir.Model) -> Program:
    """The model as a program with the inputs and outputs of its source."""
    made = Program(source.name, model, source.inputs, source.outputs)
    graph.infer_shapes(made)
    return made


def inlined(source: Program) -> Program:
    """The program without model-local functions, or itself where it has none.

    Where one cannot be inlined (it takes a graph as an attribute), all stay.
    """
    if not source.graph.functions:
        return source
    model = graph.clone(source).graph
    try:
        for function in model.functions.values():
            _match(function, graph.opset(source))
            _separate(function.graph)
        common.InlinePass()(model)
        common.NameFixPass()(model)
    except Exception:  # the inliner raises ValueError, RuntimeError and classes of its own
        return source
    model.functions.clear()
    return _finished(source, model)


def _match(function: ir.Function, version: int) -> None:
    """Write the function in the operator set of the model, which it may differ from."""
    own = function.opset_imports.get("", version)
    if own != version:
        convert(function.graph, own, version)
        function.opset_imports[""] = version
    for name, value in list(function.graph.initializers.items()):  # which a function has none of
        made = ir.node("Constant", [], {"value": value.const_value})
        made.outputs[0].name = name
        del function.graph.initializers[name]
        function.graph.insert_before(function.graph[0], made)
        ir.convenience.replace_all_uses_with(value, made.outputs[0])


def _separate(body: ir.Graph) -> None:
    """Give outputs that are inputs, or the same value twice, a node of their own."""
    for place, value in enumerate(body.outputs):
        if value.is_graph_input() or value in list(body.outputs)[:place]:
            same = ir.node("Identity", [value])
            same.outputs[0].name = graph.fresh(body, f"{value.name}_same")
            body.append(same)
            body.outputs[place] = same.outputs[0]


def _modern(source: Program) -> Program:
    """The program at the first operator set that is converted here, by the standard's converter.

    It sees no branches, and large weights as inputs.
    """
    if any(True for _ in source.graph.graph.subgraphs()):
        raise LoweringError(
            f"a model of operator set {graph.opset(source)} with branches cannot be raised",
            where=source.name,
            fix=f"export it at operator set {_BROADCAST} or above",
        )
    model = graph.clone(source).graph
    weights = _without_weights(model)
    model.ir_version = max(model.ir_version or 0, ir_versions.of_opset(PER_AXIS))
    try:
        proto = onnx.version_converter.convert_version(ir.to_proto(model), _BROADCAST)
    except Exception as error:  # the converter raises its own classes, and RuntimeError
        raise LoweringError(
            f"it cannot be raised: {(str(error).strip().splitlines() or ['no reason'])[-1]}",
            where=source.name,
            fix=f"export it at operator set {_BROADCAST} or above",
        ) from error
    raised = ir.from_proto(proto)
    for value in [v for v in raised.graph.inputs if v.name in weights]:
        raised.graph.inputs.remove(value)
        value.const_value = weights[graph.name_of(value)]
        raised.graph.initializers.add(value)
    return graph.program(source.name, raised)


def _without_weights(model: ir.Model) -> dict[str, ir.TensorProtocol]:
    """Make inputs of the large weights, in place, and return them by name."""
    weights: dict[str, ir.TensorProtocol] = {}
    body = model.graph
    for name, value in list(body.initializers.items()):
        tensor = value.const_value
        if tensor is None or tensor.nbytes < _SMALL or value.is_graph_input():
            continue
        weights[name] = tensor
        del body.initializers[name]
        value.dtype, value.shape, value.const_value = tensor.dtype, graph.sizes(tensor), None
        body.inputs.append(value)
    ir.external_data.load_to_model(model)
    return weights
