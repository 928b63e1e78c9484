"""ONNX files, their external data, and ONNX models that a Python program holds in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx
import onnx_ir as ir

from mcompile import graph
from mcompile.errors import SourceError
from mcompile.frontend import external_data
from mcompile.frontend.conform import conform
from mcompile.frontend.format import Format, Source
from mcompile.frontend.options import CaptureOptions
from mcompile.frontend.runtime import first_line
from mcompile.types import Program

_NEWEST_IR = 40
_WEIGHTS_ALONE = 4
_OLDEST_WRITTEN = 7
"""The first operator set whose DequantizeLinear takes a scale for each channel."""

_RUNTIME_DOMAINS = {"com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc"}


class Onnx(Format):
    """An `.onnx` file, an `onnx.ModelProto` or an `onnx_ir.Model`."""

    title = ".onnx"

    def recognizes(self, source: Source) -> bool:
        """Whether it is a model already, or opens with an IR version as field 1 of a protobuf."""
        head = source.head[:2]
        coded = len(head) == 2 and head[0] == 0x08 and 1 <= head[1] <= _NEWEST_IR
        return coded or isinstance(source.given, (onnx.ModelProto, ir.Model))

    def read(self, source: Source, options: CaptureOptions) -> Program:
        """The model, with its large tensors left on disk; `inputs` fixes free dimensions."""
        if isinstance(source.given, ir.Model):
            return conform(graph.program(options.name, source.given.clone()), options.inputs)
        proto = source.given if isinstance(source.given, onnx.ModelProto) else _parse(source.file)
        _check(proto, source)
        model = ir.from_proto(proto)
        if source.path is not None:
            ir.external_data.set_base_dir(model.graph, source.path.resolve().parent)
        _modernize(model)
        return conform(graph.program(options.name, model), options.inputs)


def _modernize(model: ir.Model) -> None:
    """Make weights weights: files before IR version 4 had to list each as an input too."""
    if (model.ir_version or 0) < _WEIGHTS_ALONE:
        weights = [v for v in model.graph.inputs if v.name in model.graph.initializers]
        for value in weights:
            model.graph.inputs.remove(value)
        model.ir_version = max(model.ir_version or 0, _OLDEST_WRITTEN)


def _parse(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(path, format="protobuf", load_external_data=False)
    except Exception as error:  # protobuf's own class, which differs between its versions
        raise SourceError(
            "this ONNX file is truncated or damaged",
            where=str(path),
            fix="download or export the model again",
        ) from error


def _check(proto: onnx.ModelProto, source: Source) -> None:
    if not proto.graph.output:
        raise SourceError("this protobuf is no ONNX model: it has no graph", where=source.label)
    if proto.graph.sparse_initializer:
        raise SourceError(
            "sparse initializers are not supported",
            where=f"{source.label}, {proto.graph.sparse_initializer[0].values.name}",
            fix="export the weights dense",
        )
    for node in _nodes(proto.graph.node):
        _check_op(node, proto, source.label)
    if source.path is not None:
        external_data.check(proto, source.path)
    elif next(external_data.tensors(proto), None) is not None:
        raise SourceError(
            "this model's external data was not loaded, and its folder is not known",
            where="onnx.ModelProto",
            fix="give the path of the .onnx file",
        )
    try:
        # By its path a model of any size can be checked; protobuf holds no more than 2 GiB.
        onnx.checker.check_model(proto if source.path is None else str(source.path))
    except (onnx.checker.ValidationError, ValueError) as error:
        raise SourceError(
            f"this ONNX model is not valid: {first_line(error)}",
            where=source.label,
            fix="export it again; `python -m onnx.checker` says the same",
        ) from error


def _nodes(nodes: Sequence[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner.node)


def _check_op(node: onnx.NodeProto, proto: onnx.ModelProto, label: str) -> None:
    domain = "" if node.domain == "ai.onnx" else node.domain
    versions = {"" if o.domain == "ai.onnx" else o.domain: o.version for o in proto.opset_import}
    own = {(f.domain, f.name) for f in proto.functions}
    if (node.domain, node.op_type) in own or domain in _RUNTIME_DOMAINS:
        return
    if domain not in versions or not onnx.defs.has(node.op_type, versions[domain], domain):
        name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        raise SourceError(
            f"{name} is not an operator of opset {versions.get(domain, 'none')}",
            where=f"{label}, node {node.name or ', '.join(node.output)} ({name})",
            fix="export with standard operators, or with the op as a function in the model",
        )
