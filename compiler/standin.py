"""Computes what a device computes where the device is not here: a graph with its pairs as written.

ONNX Runtime would put what lies between Q/DQ pairs on integer kernels of its own, with roundings of
its own. With its quantized fusions off, integers are dequantized and multiplied in float32, whose
products and sums are those of an int32 accumulator but for the rounding of a float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import onnxruntime as ort

from mcompile.backend import Executor
from mcompile.errors import ContractError, LoweringError
from mcompile.graph import save
from mcompile.types import Feeds, Program


class StandIn(Executor):
    """An ONNX file run on this CPU in place of a runtime; it tells numbers and never times.

    Raises `ContractError` where the file cannot be loaded.
    """

    stands_in: ClassVar[bool] = True

    def __init__(self, path: Path, outputs: Sequence[str], threads: int | None = None) -> None:
        options = ort.SessionOptions()
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 4
        self._outputs = list(outputs)
        try:
            self._session: Any = ort.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises a dozen unrelated classes
            raise ContractError(
                "the graph cannot be run here", where=f"{path.name}: {_first_line(error)}"
            ) from error

    def run(self, feeds: Feeds) -> Feeds:
        """The outputs by name. Raises `LoweringError` for inputs that do not fit."""
        try:
            found = self._session.run(self._outputs, dict(feeds))
        except Exception as error:  # onnxruntime raises a dozen unrelated classes
            raise LoweringError(
                "the artifact does not run on these inputs",
                where=_first_line(error),
                fix="compare names, types and shapes with `mcompile inspect MODEL`",
            ) from error
        return dict(zip(self._outputs, found, strict=True))

    def close(self) -> None:
        """Free the session."""
        self._session = None


def rehearsed(program: Program, place: Path, threads: int | None = None) -> StandIn:
    """The program's numbers, without an artifact that would take long to write."""
    save(program, place / "model.onnx")
    return StandIn(place / "model.onnx", [p.name for p in program.outputs], threads)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:300]
