"""Which of OpenVINO's devices a target is, whether it is here, and what it is asked for.

Two things are left to nobody's default. A plugin would compute float32 models in 16 bits where the
device is faster so (a CPU with AMX, every GPU), and quantize what meets integer weights at every
run (`DYNAMIC_QUANTIZATION_GROUP_SIZE`): the artifact's precision says what is computed in.
"""

from __future__ import annotations

from typing import Any

from mcompile.backends.openvino.vendor import ov
from mcompile.types import Precision

_FAMILIES = {"npu": "NPU", "igpu": "GPU"}
_HINTS = {Precision.FP16: ("f16", "FP16"), Precision.BF16: ("bf16", "BF16")}


def family(arch: str) -> str:
    """The plugin for an architecture: "npu-3720" is of the family NPU, "igpu-xe-lpg" of GPU."""
    return _FAMILIES.get(arch.partition("-")[0], "CPU")


def found(arch: str) -> str:
    """OpenVINO's name of the device of that architecture; "CPU" where there is none.

    Of several GPUs it is the first that is part of the processor, for that is what `igpu` means.
    """
    wanted = family(arch)
    for name in ov.Core().available_devices:
        if name.partition(".")[0] == wanted and (wanted != "GPU" or _is_integrated(name)):
            return str(name)
    return "CPU"


def holds(arch: str) -> bool | None:
    """Whether that NPU or GPU is present; of an NPU, its generation too where it tells it."""
    wanted = family(arch)
    if wanted == "CPU":
        return None
    present = found(arch) != "CPU"
    return present and (wanted != "NPU" or _generation() in ("", arch.partition("-")[2]))


def settings(precision: Precision, threads: int | None, device: str) -> dict[str, Any]:
    """What the device is asked for; 0 threads and None leave their number to the runtime."""
    asked: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    if device == "CPU":
        hint, needed = _HINTS.get(precision, ("f32", "FP32"))
        able = ov.Core().get_property(device, "OPTIMIZATION_CAPABILITIES")
        asked["INFERENCE_PRECISION_HINT"] = hint if needed in able else "f32"
        if threads:
            asked["INFERENCE_NUM_THREADS"] = threads
    elif device.startswith("GPU"):
        asked["INFERENCE_PRECISION_HINT"] = "f32" if precision is Precision.FP32 else "f16"
    if device != "NPU":
        asked["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = 0
    return asked


def _is_integrated(device: str) -> bool:
    kind = ov.Core().get_property(device, "DEVICE_TYPE")
    return bool(kind == ov.properties.device.Type.INTEGRATED)


def _generation() -> str:
    """The generation of the NPU that is present, such as "3720"; empty where it does not tell."""
    try:
        return str(ov.Core().get_property("NPU", "DEVICE_ARCHITECTURE"))
    except RuntimeError:
        return ""
