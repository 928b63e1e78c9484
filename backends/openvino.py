"""OpenVINO IR for Intel CPUs, GPUs and NPUs: `model.xml` and `model.bin`.

Two things are left to nobody's default. On a CPU with AMX the plugin would compute float32 models
in bfloat16, and on one with VNNI it would quantize what meets integer weights at every run
(`DYNAMIC_QUANTIZATION_GROUP_SIZE`): the artifact's precision says what is computed in.

The converter names the nodes that it makes after a count over the life of the process. They are
numbered anew, so that the same model makes the same bytes.
"""

from __future__ import annotations

import re
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import openvino as ov

from mcompile import lowering
from mcompile.backend import Backend, Executor
from mcompile.errors import CompileError, ContractError, LoweringError
from mcompile.files import hashed
from mcompile.graph import clone, name_of, opset, save
from mcompile.profile import Target
from mcompile.record import Layer
from mcompile.schemes.openvino import OPENVINO, OPENVINO_AVX2
from mcompile.types import Artifact, Contract, Feeds, Precision, Program, Scheme

_FILES = ("model.xml", "model.bin")
_SINCE = "2025.4"
_HINTS = {Precision.FP16: ("f16", "FP16"), Precision.BF16: ("bf16", "BF16")}
_DEVICES = {"npu": "NPU", "igpu": "GPU"}
_EXACT = {"avx512_vnni", "avx_vnni", "amx_int8"}
# The end of a kernel's name, such as `brgconv_avx512_I8` or `convolution_gpu_bfyx_f16__f16`.
_KERNELS = {"i8": "int8", "u8": "int8", "f16": "fp16", "bf16": "bf16", "f32": "fp32"}
_WAYS_OUT = "`mcompile explain LoweringError` lists the ways out"
_SIZES = "--input with numbers for the free sizes, such as --input F32[1,3,224,224]"


class Openvino(Backend):
    """Writes IR and runs it on the CPU, or on the GPU or NPU that the target is."""

    name: ClassVar[str] = "openvino"
    title: ClassVar[str] = "OpenVINO (Intel CPU, GPU, NPU)"
    precisions: ClassVar[frozenset[Precision]] = frozenset(
        {
            Precision.FP32,
            Precision.FP16,
            Precision.BF16,
            Precision.INT8,
            Precision.INT8_WEIGHTS,
            Precision.INT4_WEIGHTS,
        }
    )
    scheme: ClassVar[Scheme] = OPENVINO

    def scheme_on(self, target: Target) -> Scheme:
        """The same arithmetic, with the saturation that x86 without VNNI adds to it."""
        device = target.device
        saturates = device.arch == "x86_64" and not _EXACT & set(device.isa)
        return OPENVINO_AVX2 if saturates else OPENVINO

    def holds(self, arch: str) -> bool | None:
        """Whether that NPU or GPU is present; of an NPU, its generation too where it tells it."""
        device = _device(arch)
        if device == "CPU":
            return None
        wanted = arch.partition("-")[2]
        return _present(device) == device and (device != "NPU" or _generation() in ("", wanted))

    def lower(self, program: Program, target: Target, out: Path) -> Artifact:
        """Write `model.xml` and `model.bin` under `out`.

        An NPU compiles for sizes that it knows: a free one is a `LoweringError` there.
        """
        if _device(target.device.arch) == "NPU":
            _demand_sizes(program)
        _write(program, out / _FILES[0])
        _compiled(out / _FILES[0], {}, "CPU", LoweringError)
        versions = ",".join(filter(None, (target.runtime.versions, f">={_SINCE}")))
        return Artifact(
            backend=self.name,
            precision=target.precision,
            files=hashed(out, _FILES),
            inputs=program.inputs,
            outputs=program.outputs,
            contract=Contract(
                "openvino", versions, target.device.arch, target.device.isa, opset(program)
            ),
            tools={"openvino": ov.get_version().partition("-")[0]},
        )

    def open(self, artifact: Artifact, folder: Path, threads: int | None = None) -> Executor:
        """A model compiled for latency, on the artifact's device where that is present."""
        return _Compiled(artifact, folder / artifact.files[0].path, threads)


def _device(arch: str) -> str:
    return _DEVICES.get(arch.partition("-")[0], "CPU")


def _demand_sizes(program: Program) -> None:
    for port in (*program.inputs, *program.outputs):
        free = [d for d in port.shape if isinstance(d, str)]
        if free:
            raise LoweringError(
                f"the NPU takes static shapes, and {port.name} has the free size {free[0]}",
                where=program.name,
                fix=_SIZES,
            )


def _write(program: Program, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, built = Path(folder) / "model.onnx", clone(program)
        lowering.even_blocks(built)
        lowering.fold_biases(built)
        lowering.guard_means(built)
        save(built, source)
        try:
            model = ov.Core().read_model(source)
            for index, node in enumerate(model.get_ordered_ops()):
                if re.fullmatch(rf"{node.get_type_name()}_\d+", node.get_friendly_name()):
                    node.set_friendly_name(f"{node.get_type_name()}.{index}")
            ov.save_model(model, path, compress_to_fp16=False)
        except RuntimeError as error:
            ranks = "rank has to be known" in str(error)
            raise LoweringError(
                "OpenVINO cannot convert this model",
                where=_node_in(error, program),
                fix=_SIZES if ranks else _WAYS_OUT,
            ) from error


class _Compiled(Executor):
    def __init__(self, artifact: Artifact, path: Path, threads: int | None) -> None:
        self._path, self._device = path, _present(_device(artifact.contract.arch))
        self._settings = _settings(artifact.precision, threads, self._device)
        compiled = _compiled(path, self._settings, self._device, ContractError)
        self._request: Any = compiled.create_infer_request()
        self._inputs = [p.name for p in artifact.inputs]
        self._outputs = {p.name: compiled.output(p.name) for p in artifact.outputs}

    def run(self, feeds: Feeds) -> Feeds:
        try:
            given = {name: feeds[name] for name in self._inputs}  # else the last ones are kept
            found = self._request.infer(given, share_inputs=True)
        except (RuntimeError, TypeError, KeyError, ValueError) as error:
            raise LoweringError(
                "the runtime cannot run this artifact on these inputs",
                where=_reason(error),
                fix="compare names, types and shapes with `mcompile inspect MODEL`",
            ) from error
        return {name: np.array(found[port]) for name, port in self._outputs.items()}

    def close(self) -> None:
        self._request = None

    def layers(self, feeds: Feeds, runs: int) -> Sequence[Layer]:
        """Kernel times from the runtime's own counters, and the type that each computes in."""
        counting = self._settings | {"PERF_COUNT": True}
        request = _compiled(
            self._path, counting, self._device, ContractError
        ).create_infer_request()
        times: dict[tuple[str, str, str], list[float]] = defaultdict(list)
        for _ in range(runs + 1):
            request.infer(dict(feeds))
            for each in request.get_profiling_info():
                if each.status == ov.ProfilingInfo.Status.EXECUTED:
                    kernel = each.node_name, each.node_type, _computes_in(each.exec_type)
                    times[kernel].append(each.real_time.total_seconds() * 1e3)
        return [
            Layer(name, op, sum(t[-runs:]) / len(t[-runs:]), precision=precision)
            for (name, op, precision), t in times.items()
        ]


def _computes_in(kernel: str) -> str:
    return _KERNELS.get(kernel.lower().rpartition("_")[2], "")


def _present(device: str) -> str:
    found = {name.partition(".")[0] for name in ov.Core().available_devices}
    return device if device in found else "CPU"


def _generation() -> str:
    """The generation of the NPU that is present, such as "3720"; empty where it does not tell."""
    try:
        return str(ov.Core().get_property("NPU", "DEVICE_ARCHITECTURE"))
    except RuntimeError:
        return ""


def _settings(precision: Precision, threads: int | None, device: str) -> dict[str, Any]:
    settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    if device == "CPU":
        hint, needed = _HINTS.get(precision, ("f32", "FP32"))
        able = ov.Core().get_property(device, "OPTIMIZATION_CAPABILITIES")
        settings["INFERENCE_PRECISION_HINT"] = hint if needed in able else "f32"
        settings["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = 0
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
    return settings


def _compiled(
    path: Path, settings: dict[str, Any], device: str, kind: type[CompileError]
) -> ov.CompiledModel:
    try:
        return ov.Core().compile_model(path, device, settings)
    except RuntimeError as error:
        raise kind(
            "OpenVINO cannot load this model", where=_reason(error) or path.name, fix=_WAYS_OUT
        ) from error


def _node_in(error: Exception, program: Program) -> str:
    """Node and op where OpenVINO names either, and its reason."""
    found = re.search(r"<Node\((\w+)\): ([^>]+)>", str(error))
    if found:
        return f"node {found[2]} ({found[1]}): {_reason(error)}"
    for node in program.graph.graph:
        op, full = re.escape(node.op_type), re.escape(f"{node.domain}.{node.op_type}")
        if re.search(rf"\b{op}-\d+|\b{full}\b", str(error)):
            return (
                f"node {node.name or name_of(node.outputs[0])} ({node.op_type}): {_reason(error)}"
            )
    return _reason(error)


def _reason(error: Exception) -> str:
    """The line of the message that says something, not those that name OpenVINO's own sources."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = [n for n in lines if n and not re.search(r"\.[ch]pp:\d+|^Exception from", n)]
    return (told or lines or ["no message"])[-1].removeprefix("-- ")[:300]
