"""ONNX files, their external data, and ONNX models that a Python program holds in memory."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx_ir as ir

from mcompile import graph
from mcompile.errors import SourceError
from mcompile.frontend import external_data, soundness
from mcompile.frontend.conform import conform
from mcompile.frontend.format import Format, Source
from mcompile.frontend.options import CaptureOptions
from mcompile.types import Program

_NEWEST_IR = 40
_WEIGHTS_ALONE = 4
_OLDEST_WRITTEN = 7
"""The first operator set whose DequantizeLinear takes a scale for each channel."""


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
        model.graph.sort()
        model.graph.name = model.graph.name or options.name
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
        lacks = "the graph has no outputs" if proto.graph.node else "it has no graph"
        raise SourceError(
            f"this protobuf is no ONNX model: {lacks}",
            where=source.label,
            fix="export the model again, and check what is returned",
        )
    if proto.graph.sparse_initializer:
        raise SourceError(
            "sparse initializers are not supported",
            where=f"{source.label}, {proto.graph.sparse_initializer[0].values.name}",
            fix="export the weights dense",
        )
    if source.path is not None:
        external_data.check(proto, source.path)
    elif next(external_data.tensors(proto), None) is not None:
        raise SourceError(
            "this model's external data was not loaded, and its folder is not known",
            where="onnx.ModelProto",
            fix="give the path of the .onnx file",
        )
    soundness.check(proto, source.label)
