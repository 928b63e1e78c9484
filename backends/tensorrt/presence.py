"""Whether an engine can be finished on this machine: TensorRT, and a GPU, of the kit's kinds.

The module that imports TensorRT is loaded only where both are here.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

_NODES = ("/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/nvgpu")
"""What the drivers of cards and of Jetsons make; none of them says that a GPU is free."""


def finisher() -> ModuleType | None:
    """`mcompile.backends.tensorrt.native` where TensorRT and an NVIDIA driver are here."""
    if importlib.util.find_spec("tensorrt") is None or not any(Path(n).exists() for n in _NODES):
        return None
    return importlib.import_module("mcompile.backends.tensorrt.native")
