"""What OpenVINO makes of a file: operations in the IR, and the kernels that run, with their times.

kernel: [ name, type, implementation, milliseconds (the median over runs) ]
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import openvino

from quantization_contest.data import table
from quantization_contest.runtimes import SETTINGS, fixed

_RUNS = 200
_CONSTANTS = {"Constant", "Parameter", "Result"}


def kernels(job: dict[str, Any]) -> dict[str, Any]:
    """Operations by type without constants, how many constants, bytes of these, and kernels."""
    path = Path(job["path"])
    feeds = table(Path(job["evaluation"]), Path(job["model"]), 1).feeds(0)
    core = openvino.Core()
    model = fixed(core, path, feeds)
    held = [op for op in model.get_ordered_ops() if op.get_type_name() == "Constant"]
    kinds = Counter(op.get_type_name() for op in model.get_ordered_ops())
    made = core.compile_model(model, "CPU", SETTINGS | {"PERF_COUNT": True})
    return {
        "operations": {k: n for k, n in kinds.most_common() if k not in _CONSTANTS},
        "constants": len(held),
        "constant_bytes": sum(op.data.nbytes for op in held),
        "kernels": _timed(made, feeds),
    }


def _timed(made: openvino.CompiledModel, feeds: dict[str, Any]) -> list[list[Any]]:
    request = made.create_infer_request()
    times: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for _ in range(_RUNS):
        request.infer(list(feeds.values()))
        for each in request.get_profiling_info():
            if each.status == openvino.ProfilingInfo.Status.EXECUTED:
                kernel = each.node_name, each.node_type, each.exec_type
                times[kernel].append(each.real_time.total_seconds() * 1e3)
    return [[*kernel, statistics.median(taken)] for kernel, taken in times.items()]
