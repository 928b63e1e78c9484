"""OpenVINO IR for Intel CPUs, GPUs and NPUs: `model.xml` and `model.bin`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from packaging.specifiers import SpecifierSet

from mcompile.backend import Backend, Executor
from mcompile.backends.openvino import devices
from mcompile.backends.openvino.conversion import SIZES, write
from mcompile.backends.openvino.execution import Compiled, compiled
from mcompile.backends.openvino.vendor import ov
from mcompile.errors import LoweringError
from mcompile.files import hashed
from mcompile.graph import opset
from mcompile.profile import Target
from mcompile.schemes.openvino import OPENVINO, OPENVINO_AVX2
from mcompile.types import Artifact, Contract, Precision, Program, Scheme

_FILES = ("model.xml", "model.bin")
_SINCE = "2025.4"
_EXACT = {"avx512_vnni", "avx_vnni", "amx_int8"}


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
        """Whether that NPU or integrated GPU is present; of an NPU, its generation too."""
        return devices.holds(arch)

    def lower(self, program: Program, target: Target, out: Path) -> Artifact:
        """Write `model.xml` and `model.bin` under `out`.

        An NPU compiles for sizes that it knows: a free one is a `LoweringError` there.
        """
        if devices.family(target.device.arch) == "NPU":
            _demand_sizes(program)
        write(program, out / _FILES[0])
        compiled(out / _FILES[0], {}, "CPU", LoweringError)
        asked = ",".join(filter(None, (target.runtime.versions, f">={_SINCE}")))
        versions = str(SpecifierSet(asked))  # each bound once
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
        return Compiled(artifact, folder / artifact.files[0].path, threads)


def _demand_sizes(program: Program) -> None:
    for port in (*program.inputs, *program.outputs):
        free = [d for d in port.shape if isinstance(d, str)]
        if free:
            raise LoweringError(
                f"the NPU takes static shapes, and {port.name} has the free size {free[0]}",
                where=program.name,
                fix=SIZES,
            )
