"""mcompile: a trained model in, an artifact judged against a device's budgets out."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcompile.profile import Target
    from mcompile.record import Log, Report
    from mcompile.types import Artifact, Program

# ONNX Runtime's wheels report usage to their maker from 1.29 on, unless told not to before they
# are loaded. Nothing is uploaded behind the user's back; a value the user has set stays.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = ["Artifact", "Program", "Report", "Target", "build", "load_target", "optimize"]

_NOUNS = {
    "Artifact": "mcompile.types",
    "Program": "mcompile.types",
    "Report": "mcompile.record",
    "Target": "mcompile.profile",
}


def build(source: object, *, watch: Callable[[str], None] = lambda _: None, **given: Any) -> Report:
    """Compile `source` for `target=...`, judge the result, and write its folder.

    `source` is a path, `MODULE:CALLABLE`, an `nn.Module` or an ONNX model. The options are those of
    the command line (`mcompile.options.Options`); samples may also be any iterable of arrays, dicts
    or tensors that can be read more than once. Raises `CompileError`; a budget that fails is no
    error: see `Report.ok`.
    """
    from mcompile import pipeline, report
    from mcompile.options import of

    return pipeline.build(source, of(given), report.write, watch)


def load_target(name: str) -> Target:
    """The profile of that name, or of that TOML file."""
    from mcompile.targets import load

    return load(name)


def optimize(
    model: object,
    *,
    skip: tuple[str, ...] = (),
    opset: int | None = None,
    runtime: str = "onnxruntime",
) -> tuple[Program, Log]:
    """An equal and better program of any source, verified against it, and what was done.

    It keeps its operator set where `opset` names no other. `runtime` is whose own rules are applied
    beside those that serve all.
    """
    from mcompile.frontend import capture
    from mcompile.optimizer import optimize as better
    from mcompile.optimizer import written_in

    return better(written_in(capture(model), opset), skip, runtime=runtime)


def __getattr__(name: str) -> Any:
    # The nouns cost imports that `mcompile --help` must not pay for.
    if name not in _NOUNS:
        raise AttributeError(f"module 'mcompile' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_NOUNS[name]), name)
