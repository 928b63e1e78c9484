"""Runs a `.tflite` file in LiteRT on the CPU, with XNNPACK for what it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from mcompile.backend import Executor
from mcompile.backends.litert.notices import unsaid
from mcompile.backends.litert.timing import timed
from mcompile.errors import ContractError, LoweringError
from mcompile.record import Layer
from mcompile.types import Array, Artifact, Dim, Feeds, Port

_SIGNATURE = "serving_default"


class Interpreted(Executor):
    """An interpreter; sizes that are free follow what is fed.

    Ports that are codes in the file are fed and read as reals all the same.
    """

    def __init__(self, artifact: Artifact, data: bytes, threads: int | None) -> None:
        self._data, self._threads = data, threads
        self._ports = artifact.inputs
        try:
            with unsaid():
                self._runner: Any = Interpreter(model_content=data, num_threads=threads)
                self._runner.allocate_tensors()
            named = self._runner._get_full_signature_list()[_SIGNATURE]
            self._inputs = {p.name: named["inputs"][p.name] for p in artifact.inputs}
            self._outputs = {p.name: named["outputs"][p.name] for p in artifact.outputs}
        except (RuntimeError, ValueError, KeyError) as error:
            raise ContractError(
                "LiteRT cannot load this model", where=_reason(error), fix="build it again"
            ) from error
        details = (*self._runner.get_input_details(), *self._runner.get_output_details())
        self._coded = {d["index"]: d for d in details if d["quantization"][0]}
        self._shapes = {n: self._shape(i) for n, i in self._inputs.items()}

    def _shape(self, index: int) -> tuple[int, ...]:
        found = next(d for d in self._runner.get_input_details() if d["index"] == index)
        return tuple(int(n) for n in found["shape"])

    def run(self, feeds: Feeds) -> Feeds:
        """The outputs by name. Raises `LoweringError` for inputs of other names, types, shapes."""
        given = {port.name: _fitting(port, feeds) for port in self._ports}
        self._agree(given)
        try:
            self._fit(given)
            for name, index in self._inputs.items():
                self._runner.set_tensor(index, self._code(index, given[name]))
            self._runner.invoke()
        except (RuntimeError, ValueError) as error:
            raise LoweringError(
                "the runtime cannot run this artifact on these inputs",
                where=_reason(error),
                fix="compare names, types and shapes with `mcompile inspect MODEL`",
            ) from error
        found = {n: self._runner.get_tensor(index) for n, index in self._outputs.items()}
        return {n: self._real(self._outputs[n], data) for n, data in found.items()}

    def close(self) -> None:
        """Free the interpreter and the file that it reads."""
        self._runner, self._data = None, b""

    def layers(self, feeds: Feeds, runs: int) -> Sequence[Layer]:
        """Time of each operator, each run alone on its own operands (`timing`)."""
        given = {port.name: _fitting(port, feeds) for port in self._ports}
        fed = {i: self._code(i, given[name]) for name, i in self._inputs.items()}
        return timed(self._data, self._threads, fed, runs)

    def _agree(self, given: Mapping[str, Array]) -> None:
        """A size of the same name is the same in every input."""
        found: dict[str, int] = {}
        for port in self._ports:
            for dim, size in zip(port.shape, given[port.name].shape, strict=True):
                if isinstance(dim, str) and found.setdefault(dim, size) != size:
                    raise _unfit(f"{dim} is {found[dim]} and {size} in one run", port)

    def _fit(self, given: Mapping[str, Array]) -> None:
        wanted = {name: tuple(data.shape) for name, data in given.items()}
        if wanted != self._shapes:
            for name, shape in wanted.items():
                self._runner.resize_tensor_input(self._inputs[name], shape, strict=True)
            self._runner.allocate_tensors()
            self._shapes = wanted

    def _code(self, index: int, data: Array) -> Array:
        """What the file wants for an input: codes where it holds such."""
        told = self._coded.get(index)
        if told is None or data.dtype != np.float32:
            return np.asarray(data, order="C")
        scale, zero = told["quantization"]
        limits = np.iinfo(told["dtype"])
        codes = np.clip(np.rint(data / np.float32(scale)) + zero, limits.min, limits.max)
        return np.asarray(codes, told["dtype"], order="C")

    def _real(self, index: int, data: Array) -> Array:
        told = self._coded.get(index)
        if told is None:
            return data
        scale, zero = told["quantization"]
        made: Array = (data.astype(np.float32) - np.float32(zero)) * np.float32(scale)
        return made


def _fitting(port: Port, feeds: Feeds) -> Array:
    """What is fed to a port; raises `LoweringError` where it is not what the port takes."""
    if port.name not in feeds:
        raise _unfit(f"nothing is fed to {port.name}", port)
    data = np.asarray(feeds[port.name])
    fits = len(data.shape) == len(port.shape) and all(map(_same, data.shape, port.shape))
    if not fits or str(data.dtype) != port.dtype:
        raise _unfit(f"{port.name} is fed {_spelled(str(data.dtype), data.shape)}", port)
    return data


def _same(size: int, dim: Dim) -> bool:
    return size > 0 if isinstance(dim, str) else size == dim


def _spelled(dtype: str, shape: Sequence[Dim]) -> str:
    return f"{dtype}[{','.join(map(str, shape))}]"


def _unfit(what: str, port: Port) -> LoweringError:
    return LoweringError(
        what,
        where=f"input {port.name}",
        fix=f"{_spelled(port.dtype, port.shape)}, as `mcompile inspect MODEL` says",
    )


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:300]
