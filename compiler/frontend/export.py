"""A PyTorch model lowered to a program by PyTorch's own exporters."""

from __future__ import annotations

import contextlib
import copy
import re
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import onnx_ir as ir

from mcompile import graph
from mcompile.errors import SourceError
from mcompile.frontend.conform import conform
from mcompile.frontend.examples import arrange, ports, tensors
from mcompile.frontend.options import CaptureOptions, show
from mcompile.frontend.runtime import first_line, quiet
from mcompile.types import Port, Program

if TYPE_CHECKING:
    import torch

NEWEST = 20
"""The operator set written unless a target caps it lower."""

_PLACE = re.compile(r'File "([^"]+)", line (\d+)')
_HERE = str(Path(__file__).parent)


def from_module(module: torch.nn.Module, options: CaptureOptions) -> Program:
    """The module in evaluation mode as a program; it is given back in the mode it was in.

    Inputs bear the names the user gave, else those of `forward`.
    """
    import torch

    inputs = ports(options, options.name)
    module = _on_cpu(module)
    values = tensors(inputs, options.examples)
    args, kwargs, free = arrange(module, inputs, values)
    with _evaluating(module):
        model = _guarded(
            lambda: torch.onnx.export(
                module, args, kwargs=kwargs, dynamic_shapes=free, **_settings(options)
            ),
            _with(options.name, inputs),
        ).model
    return conform(graph.program(options.name, model), inputs, rename=True)


def from_exported(exported: torch.export.ExportedProgram, options: CaptureOptions) -> Program:
    """An exported program as a program; its shapes are its own, `inputs` may fix and name them."""
    import torch

    settings = _settings(options)
    model = _guarded(lambda: torch.onnx.export(exported, (), **settings), options.name).model
    return conform(graph.program(options.name, model), options.inputs, rename=True)


def from_script(script: torch.jit.ScriptModule, options: CaptureOptions) -> Program:
    """A TorchScript module as a program, by the exporter that reads TorchScript."""
    import torch

    inputs = ports(options, options.name)
    values = tensors(inputs, options.examples)
    schema = script._c._get_method("forward").schema
    own = [a.name for a in schema.arguments[1:]][: len(inputs)]
    names = [p.name or n for p, n in zip(inputs, own, strict=False)]
    free = {
        n: {i: d for i, d in enumerate(p.shape) if isinstance(d, str)}
        for n, p in zip(names, inputs, strict=False)
    }
    with tempfile.TemporaryDirectory() as folder, _evaluating(script):
        written = Path(folder, "model.onnx")
        _guarded(
            lambda: torch.onnx.export(
                script,
                tuple(values),
                str(written),
                dynamo=False,
                opset_version=_opset(options),
                input_names=names,
                dynamic_axes=free,
            ),
            _with(options.name, inputs),
        )
        model = ir.from_proto(onnx.load(written))
    _name_outputs(model.graph)
    return conform(graph.program(options.name, model), inputs, rename=True)


def _name_outputs(scope: ir.Graph) -> None:
    """Give outputs that bear a number a name: that exporter counts its values."""
    for value in scope.outputs:
        if graph.name_of(value).isdigit():
            value.name = graph.fresh(scope, "output")


def _opset(options: CaptureOptions) -> int:
    return min(NEWEST, options.opset or NEWEST)


def _settings(options: CaptureOptions) -> dict[str, Any]:
    return {"dynamo": True, "optimize": True, "verbose": False, "opset_version": _opset(options)}


def _with(name: str, inputs: Sequence[Port]) -> str:
    return f"{name} with {' '.join(show(p) for p in inputs)}"


def _guarded(run: Callable[[], Any], label: str) -> Any:
    import torch

    try:
        with quiet(), torch.no_grad():
            return run()
    except Exception as error:  # the exporters raise whatever the model's code raises
        raise SourceError(
            f"PyTorch cannot export this model: {first_line(error)}",
            where=_place(error) or label,
            fix="check the input's type and shape; code that branches on data needs torch.cond",
        ) from error


def _place(error: BaseException) -> str:
    """The last line of the user's own code that took part."""
    text = "".join(traceback.format_exception(error))
    places = [m for m in _PLACE.finditer(text) if "site-packages" not in m[1]]
    own = [m for m in places if not m[1].startswith((_HERE, "<"))]
    return f"{own[-1][1]}, line {own[-1][2]}" if own else ""


def _on_cpu(module: torch.nn.Module) -> torch.nn.Module:
    import torch

    if isinstance(module, (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)):
        module = module.module
    held = (*module.parameters(), *module.buffers())
    return module if all(t.device.type == "cpu" for t in held) else copy.deepcopy(module).cpu()


@contextlib.contextmanager
def _evaluating(module: torch.nn.Module) -> Iterator[None]:
    before = {m: m.training for m in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for child, training in before.items():
            child.training = training
