"""Runs a file in ONNX Runtime or OpenVINO as either would run it by itself, on one thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from quantization_contest.data import Arrays

Run = Callable[[Arrays], list[np.ndarray]]
SETTINGS = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}  # fmt: skip
"""What OpenVINO is asked for."""


def in_onnxruntime(path: Path, _: Arrays, optimized: bool = True) -> Run:
    """With every optimization on, unless they are all to be off."""
    from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not optimized:
        options.graph_optimization_level = GraphOptimizationLevel.ORT_DISABLE_ALL
    session = InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda feeds: session.run(None, feeds)


def fixed(core: Any, path: Path, example: Arrays) -> Any:
    """OpenVINO's model of the file, for the shapes of the example where it lets them be fixed."""
    model = core.read_model(path)
    shapes = {k: list(a.shape) for k, a in enumerate(example.values())}
    try:
        model.reshape(shapes)
    except RuntimeError:  # a model whose shapes are computed keeps them free
        model = core.read_model(path)
    return model


def in_openvino(path: Path, example: Arrays) -> Run:
    """With the shapes of the example fixed where the model lets them be."""
    import openvino

    core = openvino.Core()
    made = core.compile_model(fixed(core, path, example), "CPU", SETTINGS)
    request = made.create_infer_request()

    def run(feeds: Arrays) -> list[np.ndarray]:
        found = request.infer(list(feeds.values()), share_inputs=True)
        return [np.array(a) for a in found.values()]

    return run


RUNTIMES: dict[str, Callable[[Path, Arrays], Run]] = {
    "onnxruntime": in_onnxruntime,
    "openvino": in_openvino,
    "haswell": in_onnxruntime,
}
"""`haswell` is ONNX Runtime too, in a process that an emulator runs as that processor."""
