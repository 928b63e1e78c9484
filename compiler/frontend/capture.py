"""From a source of any kind to a program that the rest of the compiler can rely on."""

from __future__ import annotations

import dataclasses
import re

import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from mcompile import graph
from mcompile.frontend.format import Source, find, look
from mcompile.frontend.options import CaptureOptions
from mcompile.frontend.weights import check_finite
from mcompile.types import Program


def capture(source: object, options: CaptureOptions | None = None) -> Program:
    """The model behind a path, a `MODULE:CALLABLE`, an `nn.Module` or an ONNX model in memory.

    Functions are inlined, every node has a name, shapes are known where ONNX can tell, no path of
    this machine is left, and no weight is NaN. Raises `SourceError`; `UsageError` for bad options.
    """
    looked = look(source)
    options = options or CaptureOptions()
    named = dataclasses.replace(options, name=options.name or _name(looked))
    return _finished(find(looked).read(looked, named))


def _name(source: Source) -> str:
    """A name for the program that may be a file's name."""
    given = source.given
    if source.path is not None:
        name = source.path.stem
    elif isinstance(given, str):
        name = given.rpartition(":")[2].lower()
    elif isinstance(given, (onnx.ModelProto, ir.Model)):
        name = given.graph.name or "model"
    else:
        name = type(given).__name__.lower()
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "model"


def _finished(program: Program) -> Program:
    model = program.graph
    graph.strip(program)
    if model.functions:
        common.InlinePass()(model)
    common.NameFixPass()(model)
    graph.infer_shapes(program)
    check_finite(program)
    return graph.program(program.name, model)
