"""Runs a program exactly as its nodes are written: the reference that everything is held against.

ONNX Runtime with every optimization off, and with weights handed over as memory-mapped arrays, so
that a model of any size can be run without being copied or written out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
import onnxruntime as ort

from mcompile.errors import SourceError
from mcompile.types import Array, Feeds, Program

_INLINE_BELOW = 1024


class Oracle:
    """A program ready to run on the CPU; `also` names inner values to return beside the outputs."""

    def __init__(self, program: Program, also: Sequence[str] = (), threads: int | None = None) -> None:
        self._weights: dict[str, ort.OrtValue] = {}
        self._names = [p.name for p in program.outputs]
        self._names += [n for n in dict.fromkeys(also) if n not in self._names]
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        # Prepacking would copy every weight; memory-mapped weights stay on disk without it.
        options.add_session_config_entry("session.disable_prepacking", "1")
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 4
        options.intra_op_num_threads = threads or 0
        try:
            self._session = ort.InferenceSession(
                self._stubbed(program), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises a dozen unrelated classes
            raise SourceError(
                "the reference runtime cannot load this model",
                where=f"{program.name}: {_first_line(error)}",
                fix="check it with `python -m onnx.checker`, or export it anew",
            ) from error

    def run(self, feeds: Feeds) -> dict[str, Array]:
        """Outputs (and what `also` named) by name."""
        given = {name: ort.OrtValue.ortvalue_from_numpy(a) for name, a in feeds.items()}
        found = self._session.run_with_ort_values(self._names, given | self._weights)
        return {n: v.numpy() for n, v in zip(self._names, found, strict=True)}

    def _stubbed(self, program: Program) -> bytes:
        """The model with its large weights turned into inputs, which every run then binds.

        Only weights: what the shape of another tensor depends on is small and stays inside.
        """
        model = program.graph.clone()
        graph = model.graph
        for name, value in list(graph.initializers.items()):
            tensor = value.const_value
            if tensor is None or tensor.nbytes < _INLINE_BELOW or not _plain(tensor.dtype):
                continue
            data = np.ascontiguousarray(tensor.numpy())
            self._weights[name] = ort.OrtValue.ortvalue_from_numpy(data)
            del graph.initializers[name]
            if not value.is_graph_input():
                value.dtype, value.shape = tensor.dtype, ir.Shape(tensor.shape)
                value.const_value = None
                graph.inputs.append(value)
        known = {v.name for v in graph.outputs}
        inner = {v.name: v for node in graph for v in node.outputs}
        graph.outputs.extend(inner[n] for n in self._names if n not in known)
        return ir.to_proto(model).SerializeToString()


def _plain(dtype: ir.DataType) -> bool:
    """Whether numpy has the type natively: the others cannot be handed over by reference."""
    return dtype.name in {"FLOAT", "FLOAT16", "DOUBLE", "INT8", "UINT8", "INT32", "INT64", "BOOL"}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:200]
