"""The device's own TensorRT, and whether it is the one that the kit was written for."""

from typing import Any

from mcompile.backends.tensorrt.device.cuda import Cuda
from mcompile.backends.tensorrt.device.faults import CONTRACT, MISSING, KitError
from mcompile.backends.tensorrt.device.kit import Kit
from mcompile.backends.tensorrt.device.versions import inside


def load_tensorrt() -> Any:
    """The module `tensorrt`. An error where Python does not find it or it cannot be loaded."""
    try:
        import tensorrt
    except ImportError as error:
        raise KitError(
            MISSING,
            f"TensorRT's Python package is not here: {error}",
            "python3",
            "sudo apt-get install python3-libnvinfer (a Jetson's), or python3 -m pip install "
            "tensorrt",
        ) from error
    return tensorrt


def check_device(kit: Kit, version: str, cuda: Cuda) -> None:
    """Nothing where TensorRT and the GPU are what the kit was written for, else an error."""
    if not inside(version, kit.tensorrt):
        raise KitError(
            CONTRACT,
            f"TensorRT is {version}, and the kit was written for {kit.tensorrt}",
            kit.target,
            "build the kit again for the TensorRT of this device, or install one of these",
        )
    found = cuda.compute_capability()
    if kit.compute_capability and found != kit.compute_capability:
        raise KitError(
            CONTRACT,
            f"the GPU is sm {found}, and the kit was written for sm {kit.compute_capability}",
            cuda.name(),
            f"run it on a {kit.target}, or build a kit for this device",
        )
