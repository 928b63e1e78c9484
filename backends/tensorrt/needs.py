"""What building and running an engine is likely to take, told before any device is asked.

These are estimates, and called so wherever they are shown. Counted are the weights as the file
holds them (W), and the most that lives at once between ops when they run in the file's order (A).

    building   BASE + 3 W + 2 A + workspace    the parsed file, the network and the engine each
                                               hold the weights; a layer is timed on tensors of
                                               its own beside those of the engine
    workspace  4 * the largest layer's inputs, outputs and weights, in steps of 2, at least 64 MB:
               what tilings and transforms of that layer need at once; never more than a quarter
               of the device's memory
    on disk    the kit, an engine of 1.25 W, and 16 MB for its kernels and the timing cache

BASE is the CUDA context with TensorRT's own libraries and kernels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

from mcompile.profile import Device
from mcompile.types import Program

BASE_MB = 600.0
"""Seen as 0.4 to 1 GB by users of Jetsons; unverified for the releases here."""

_LEAST_MB = 64.0
_KERNELS_MB = 16.0


@dataclass(frozen=True)
class Needs:
    """Estimates in 10^6 bytes."""

    weights_mb: float
    activations_mb: float
    workspace_mb: float
    memory_mb: float
    disk_mb: float


def needs(program: Program, device: Device, folder: Path) -> Needs:
    """What the engine of the program is likely to need; a free size counts as one.

    `folder` is where the kit's graphs lie.
    """
    files_mb = sum(p.stat().st_size for p in folder.iterdir()) / 1e6
    graph = program.graph.graph
    weights = sum(map(_mb, graph.initializers.values()))
    largest = max((sum(map(_mb, {*n.inputs, *n.outputs})) for n in graph.all_nodes()), default=0.0)
    activations = _peak_mb(graph)
    workspace = _LEAST_MB
    while workspace < 4 * largest:
        workspace *= 2
    if device.memory_mb is not None:
        workspace = min(workspace, device.memory_mb / 4)
    return Needs(
        weights_mb=weights,
        activations_mb=activations,
        workspace_mb=workspace,
        memory_mb=BASE_MB + 3 * weights + 2 * activations + workspace,
        disk_mb=files_mb + 1.25 * weights + _KERNELS_MB,
    )


def _peak_mb(graph: ir.Graph) -> float:
    """The most that is alive at once between the nodes, in their order."""
    last = {v: place for place, n in enumerate(graph) for v in n.inputs if v is not None}
    alive = sum(_mb(v) for v in graph.inputs)
    peak = alive
    for place, node in enumerate(graph):
        alive += sum(map(_mb, node.outputs))
        peak = max(peak, alive)
        read = {v for v in node.inputs if v is not None and not v.is_initializer()}
        done = [v for v in read if last[v] == place and not v.is_graph_output()]
        alive -= sum(map(_mb, done))
    return peak


def _mb(value: ir.Value | None) -> float:
    if value is None or value.dtype is None or value.shape is None:
        return 0.0
    count = np.prod([d if isinstance(d, int) else 1 for d in value.shape.dims], dtype=float)
    return float(count) * value.dtype.itemsize / 1e6
