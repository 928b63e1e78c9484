"""Runs an engine on the GPU of this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mcompile.backend import Executor
from mcompile.backends.tensorrt_rtx.builder import Said, trt
from mcompile.backends.tensorrt_rtx.cuda import Gpu
from mcompile.errors import ContractError, LoweringError
from mcompile.record import Layer
from mcompile.types import Array, Artifact, Dim, Feeds, Port

_FITS = "compare names, types and shapes with `mcompile inspect MODEL`"


class Loaded(Executor):
    """An engine that was compiled for this GPU and is run on it.

    Raises `ContractError` where the runtime does not take it.
    """

    def __init__(self, artifact: Artifact, engine: bytes, gpu: Gpu) -> None:
        self._ports, self._outputs = artifact.inputs, artifact.outputs
        self._gpu, self._said = gpu, Said()
        self._runtime: Any = trt.Runtime(self._said)
        self._engine: Any = self._runtime.deserialize_cuda_engine(engine)
        self._context: Any = self._engine.create_execution_context() if self._engine else None
        if self._context is None:
            raise ContractError(
                "TensorRT-RTX cannot load this engine",
                where=(self._said.errors or ["no reason was told"])[-1][:300],
                fix="build it again with the TensorRT-RTX that is installed here",
            )

    def run(self, feeds: Feeds) -> Feeds:
        """The outputs by name. Raises `LoweringError` for inputs that do not fit."""
        given = {port.name: _fitting(port, feeds) for port in self._ports}
        for name, data in given.items():
            if not self._context.set_input_shape(name, data.shape):
                raise _unfit(f"{name} is of shape {list(data.shape)}", f"input {name}")
        found = {port.name: self._empty(port) for port in self._outputs}
        places = {n: self._gpu.room(d.nbytes) for n, d in (given | found).items()}
        try:
            self._queue(given, places)
            for name, data in found.items():
                self._gpu.fetch(places[name], data)
        finally:
            for address in places.values():
                self._gpu.free(address)
        return found

    def close(self) -> None:
        """Free engine, context and queue."""
        self._context = self._engine = self._runtime = None
        self._gpu.close()

    def layers(self, feeds: Feeds, runs: int) -> Sequence[Layer]:
        """Time of each layer of the engine, the mean over `runs` runs, by the profiler."""
        times = _Times()
        self.run(feeds)
        self._context.profiler = times
        for _ in range(runs):
            self.run(feeds)
        return [Layer(name, "layer", sum(t) / len(t)) for name, t in times.found.items()]

    def _queue(self, given: Mapping[str, Array], places: Mapping[str, int]) -> None:
        for name, data in given.items():
            self._gpu.send(data, places[name])
        for name, address in places.items():
            self._context.set_tensor_address(name, address)
        if not self._context.execute_async_v3(self._gpu.stream.value or 0):
            raise _unfit("the engine did not run", (self._said.errors or ["no reason"])[-1][:300])

    def _empty(self, port: Port) -> Array:
        """Room for an output, as large as the inputs make it."""
        shape = tuple(self._context.get_tensor_shape(port.name))
        if any(size < 0 for size in shape):
            raise _unfit(f"the size of {port.name} depends on data", f"output {port.name}")
        return np.empty(shape, port.dtype)


class _Times(trt.IProfiler):  # type: ignore[misc]
    """Milliseconds of each layer, run by run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[float]] = {}

    def report_layer_time(self, layer_name: str, ms: float) -> None:
        """Keep one time."""
        self.found.setdefault(layer_name, []).append(ms)


def _fitting(port: Port, feeds: Feeds) -> Array:
    """What is fed to a port, contiguous; raises `LoweringError` where it is not what it takes."""
    if port.name not in feeds:
        raise _unfit(f"nothing is fed to {port.name}", f"input {port.name}")
    data = np.ascontiguousarray(feeds[port.name]).reshape(np.shape(feeds[port.name]))
    fits = data.ndim == len(port.shape) and all(map(_same, data.shape, port.shape))
    if not fits or str(data.dtype) != port.dtype:
        raise _unfit(f"{port.name} is fed {data.dtype}{list(data.shape)}", f"input {port.name}")
    return data


def _same(size: int, dim: Dim) -> bool:
    return isinstance(dim, str) or size == dim


def _unfit(what: str, where: str) -> LoweringError:
    return LoweringError(what, where=where, fix=_FITS)
