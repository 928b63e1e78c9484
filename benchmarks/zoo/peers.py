"""The optimizers that are compared, each as its documentation says it is called, with defaults.

A tool reads a file and writes a file; it gives back what it has to say about itself.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

OURS = "mcompile"
FOR = {"onnxruntime": OURS, "openvino": f"{OURS}_openvino"}
"""Ours by the runtime that it is asked to write for, and is timed in: the others know none."""
Told = dict[str, Any]
Optimizer = Callable[[Path, Path], Told]


def _mcompile(runtime: str) -> Optimizer:
    from mcompile import graph, optimizer
    from mcompile.frontend import capture

    def run(source: Path, out: Path) -> Told:
        better, log = optimizer.optimize(capture(source), runtime=runtime)
        graph.save(better, out)
        undone = [f"{u.rule} at {u.node}: {u.error}" for u in log.undone]
        applied = dict(Counter(a.rule for a in log.applied))
        return {"applied": applied, "undone": undone, "unproven": log.unproven}

    return run


def _onnxslim() -> Optimizer:
    import onnxslim

    def run(source: Path, out: Path) -> Told:
        onnxslim.slim(str(source), str(out))
        return {}

    return run


def _onnxsim() -> Optimizer:
    import onnx
    import onnxsim

    def run(source: Path, out: Path) -> Told:
        made, sure = onnxsim.simplify(onnx.load(source))
        onnx.save(made, out)
        return {} if sure else {"says": "its own check failed"}

    return run


def _onnxoptimizer() -> Optimizer:
    import onnx
    import onnxoptimizer

    def run(source: Path, out: Path) -> Told:
        onnx.save(onnxoptimizer.optimize(onnx.load(source)), out)
        return {}

    return run


def _onnxscript() -> Optimizer:
    import onnx_ir
    from onnxscript import optimizer

    def run(source: Path, out: Path) -> Told:
        onnx_ir.save(optimizer.optimize(onnx_ir.load(source)), out)
        return {}

    return run


def _ort() -> Optimizer:
    import onnxruntime

    def run(source: Path, out: Path) -> Told:
        options = onnxruntime.SessionOptions()
        level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED  # above it: this CPU only
        options.graph_optimization_level = level
        options.optimized_model_filepath = str(out)
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        return {}

    return run


TOOLS: dict[str, Callable[[], Optimizer]] = {
    **{tool: partial(_mcompile, runtime) for runtime, tool in FOR.items()},
    "onnxslim": _onnxslim,
    "onnxsim": _onnxsim,
    "onnxoptimizer": _onnxoptimizer,
    "onnxscript": _onnxscript,
    "ort_offline": _ort,
}
"""By name, what imports the tool and gives back the call."""

_PACKAGES = {"ort_offline": "onnxruntime"} | dict.fromkeys(FOR.values(), OURS)


def versions() -> dict[str, str]:
    """The version of every tool; ours with a digest of its sources."""
    found = {tool: version(_PACKAGES.get(tool, tool)) for tool in TOOLS}
    return found | {tool: f"{found[tool]}+{_sources()}" for tool in FOR.values()}


def _sources() -> str:
    import mcompile

    seen = hashlib.sha256()
    root = Path(mcompile.__file__ or "").parent
    for path in sorted(root.rglob("*.py")):
        seen.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return seen.hexdigest()[:10]
