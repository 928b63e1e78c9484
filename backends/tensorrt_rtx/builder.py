"""NVIDIA's parser and compiler, asked from a process of their own.

    python builder.py < request.json > answer.json

The libraries write to the process' own streams, past the logger that they are given, and a mistake
of theirs would end ours. This file imports nothing of ours, so that the process starts at once.
The one place that imports the vendor's package.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorrt_rtx as trt

__all__ = ["Answer", "Said", "answer", "trt", "version"]

Answer = dict[str, Any]


def version() -> str:
    """The release of the compiler, such as 1.7.1.116."""
    return str(trt.__version__)


class Said(trt.ILogger):  # type: ignore[misc]
    """What the libraries said of errors and warnings, kept in place of printed.

    `layers` is the list of an engine's layers, which they write when one is made.
    """

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self.layers = ""

    def log(self, severity: Any, msg: str) -> None:
        """Keep what is worth telling."""
        if severity in (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR):
            self.errors.append(msg)
        elif severity == trt.ILogger.WARNING:
            self.warnings.append(msg)
        elif msg.startswith("Layers:"):
            self.layers = msg


def answer(request: Mapping[str, Any]) -> Answer:
    """What became of the ONNX file `model`.

    `capabilities` are those to compile for, such as SM89; with none of them it is only parsed.
    A leading size that is free is 1 to `batch`. The engine is written to `engine` where that is
    named. The answer holds `refused`, a list of {node, op, index, what}; empty where there is an
    engine; `ports` with the types that it reads and writes, and `warnings`.
    """
    said = Said()
    builder = trt.Builder(said)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, said)
    if not parser.parse_from_file(request["model"]):
        return {"refused": list(_refusals(parser, said)), "warnings": said.warnings}
    told: Answer = {"refused": [], "ports": _ports(network), "warnings": said.warnings}
    if request["capabilities"]:
        made = builder.build_serialized_network(network, _config(builder, network, request))
        if made is None:
            told["refused"] = [_refusal(message) for message in said.errors or ["no reason"]]
        elif request["engine"]:
            Path(request["engine"]).write_bytes(memoryview(made))
    return told | {"layers": said.layers}


def _config(builder: Any, network: Any, request: Mapping[str, Any]) -> Any:
    config = builder.create_builder_config()
    # Of a float32 it would keep ten bits on Ampere and later: what is float32 is computed in it.
    config.clear_flag(trt.BuilderFlag.TF32)
    # That the layers are listed makes the engine no larger.
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    wanted: Sequence[str] = request["capabilities"]
    config.num_compute_capabilities = len(wanted)
    for index, name in enumerate(wanted):
        config.set_compute_capability(getattr(trt.ComputeCapability, name), index)
    profile = builder.create_optimization_profile()
    for port in _inputs(network):
        if -1 in tuple(port.shape):
            ends = ([end if d < 0 else d for d in port.shape] for end in (1, 1, request["batch"]))
            profile.set_shape(port.name, *ends)
    config.add_optimization_profile(profile)
    return config


def _inputs(network: Any) -> list[Any]:
    return [network.get_input(k) for k in range(network.num_inputs)]


def _ports(network: Any) -> dict[str, str]:
    outputs = [network.get_output(k) for k in range(network.num_outputs)]
    return {port.name: port.dtype.name for port in (*_inputs(network), *outputs)}


def _refusals(parser: Any, said: Said) -> Iterator[Answer]:
    for error in (parser.get_error(k) for k in range(parser.num_errors)):
        told = {"node": error.node_name(), "op": error.node_operator(), "index": error.node()}
        yield told | {"what": error.desc()}
    if not parser.num_errors:
        yield _refusal("\n".join(said.errors))


def _refusal(what: str) -> Answer:
    return {"node": "", "op": "", "index": -1, "what": what}


def main() -> None:
    """Answer one request and end. What the libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with answers:
        json.dump(answer(json.load(sys.stdin)) | {"peak_bytes": _peak_bytes()}, answers)


def _peak_bytes() -> int:
    """The most memory this process had resident; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.is_file() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


if __name__ == "__main__":
    main()
