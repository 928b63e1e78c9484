"""Runs an artifact, and times its kernels by the runtime's own counters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mcompile.backend import Executor
from mcompile.backends.openvino.devices import found, settings
from mcompile.backends.openvino.reasons import WAYS_OUT, reason
from mcompile.backends.openvino.vendor import ov
from mcompile.errors import CompileError, ContractError, LoweringError
from mcompile.record import Layer
from mcompile.types import Artifact, Feeds

# The end of a kernel's name, such as `brgconv_avx512_I8` or `convolution_gpu_bfyx_f16__f16`.
_KERNELS = {"i8": "int8", "u8": "int8", "f16": "fp16", "bf16": "bf16", "f32": "fp32"}


class Compiled(Executor):
    """A model compiled for latency, on the artifact's device where that is present."""

    def __init__(self, artifact: Artifact, path: Path, threads: int | None) -> None:
        self._path, self._device = path, found(artifact.contract.arch)
        self._settings = settings(artifact.precision, threads, self._device)
        model = compiled(path, self._settings, self._device, ContractError)
        self._request: Any = model.create_infer_request()
        self._inputs = [p.name for p in artifact.inputs]
        self._outputs = {p.name: model.output(p.name) for p in artifact.outputs}

    def run(self, feeds: Feeds) -> Feeds:
        try:
            given = {name: feeds[name] for name in self._inputs}  # else the last ones are kept
            made = self._request.infer(given, share_inputs=True)
        except (RuntimeError, TypeError, KeyError, ValueError) as error:
            raise LoweringError(
                "the runtime cannot run this artifact on these inputs",
                where=reason(error),
                fix="compare names, types and shapes with `mcompile inspect MODEL`",
            ) from error
        return {name: np.array(made[port]) for name, port in self._outputs.items()}

    def close(self) -> None:
        self._request = None

    def layers(self, feeds: Feeds, runs: int) -> Sequence[Layer]:
        """Kernel times from the runtime's own counters, and the type that each computes in."""
        counting = self._settings | {"PERF_COUNT": True}
        model = compiled(self._path, counting, self._device, ContractError)
        request = model.create_infer_request()
        times: dict[tuple[str, str, str], list[float]] = defaultdict(list)
        for _ in range(runs + 1):
            request.infer(dict(feeds))
            for each in request.get_profiling_info():
                if each.status == ov.ProfilingInfo.Status.EXECUTED:
                    kernel = each.node_name, each.node_type, computes_in(each.exec_type)
                    times[kernel].append(each.real_time.total_seconds() * 1e3)
        return [
            Layer(name, op, sum(t[-runs:]) / len(t[-runs:]), precision=precision)
            for (name, op, precision), t in times.items()
        ]


def compiled(
    path: Path, asked: dict[str, Any], device: str, kind: type[CompileError]
) -> ov.CompiledModel:
    """The file compiled for the device; `kind` is raised where OpenVINO cannot."""
    try:
        return ov.Core().compile_model(path, device, asked)
    except RuntimeError as error:
        raise kind(
            "OpenVINO cannot load this model", where=reason(error) or path.name, fix=WAYS_OUT
        ) from error


def computes_in(kernel: str) -> str:
    """The precision that a kernel's name tells; empty where it does not."""
    return _KERNELS.get(kernel.lower().rpartition("_")[2], "")
