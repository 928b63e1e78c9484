"""`model.onnx` as TensorRT's parser reads it, held against the standard's own checker."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx.checker
import onnx.helper
import onnx_ir as ir

from mcompile.errors import LoweringError
from mcompile.graph import clone, opset, save
from mcompile.profile import Runtime
from mcompile.types import Program

_LEAST_IR = 4
"""The first version of the format whose weights need not be inputs as well."""


def write_model(program: Program, runtime: Runtime, path: Path, *, apart: bool = False) -> None:
    """Write the program to `path`, many weights to `<path>.data` beside it.

    With `apart` all but the smallest go there, for another graph to read them too. Raises
    `LoweringError` where its operator set is above the profile's cap, or where it is no valid ONNX.
    """
    number, cap = opset(program), runtime.max_opset
    if cap is not None and number > cap:
        raise LoweringError(
            f"the device reads operator set {cap}, and the program is in {number}",
            where=program.name,
            fix="a model whose ops exist in the older set: `mcompile inspect MODEL` lists them",
        )
    built = clone(program)
    # TensorRT logs the version and does not act on it; other tools on the device do.
    fitting = onnx.helper.find_min_ir_version_for([onnx.helper.make_opsetid("", number)])
    newest = min(max(fitting, _LEAST_IR), runtime.max_ir_version or fitting)
    built.graph.ir_version = min(built.graph.ir_version or newest, newest)
    if apart:
        ir.save(built.graph, path, external_data=f"{path.name}.data")
    else:
        save(built, path)
    try:
        onnx.checker.check_model(str(path))
    except onnx.checker.ValidationError as error:
        raise LoweringError(
            f"the model is not valid ONNX: {_first_line(error)}",
            where=program.name,
            fix="`mcompile inspect MODEL` tells what it holds; export it again",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:300]
