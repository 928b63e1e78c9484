"""The GPUs that TensorRT-RTX compiles for, by their compute capability.

Source: the enumeration `ComputeCapability` of release 1.7; NVIDIA, "TensorRT-RTX support matrix".
"""

from __future__ import annotations

from packaging.version import Version

from mcompile.errors import TargetError
from mcompile.profile import Target

NAMES = {"7.5": "SM75", "8.0": "SM80", "8.6": "SM86", "8.9": "SM89", "12.0": "SM120",
         "12.1": "SM121"}  # fmt: skip
TURING = "7.5"
"""It multiplies no float32 matrices there, nor bfloat16: the vendor's other runtime does."""

PORTABLE = tuple(name for name in NAMES if name != TURING)
"""What an engine serves whose target names no GPU: the vendor's own choice for portable ones."""


def named(target: Target) -> tuple[str, ...]:
    """The compute capabilities to compile for. Raises `TargetError` for a GPU without a compiler.

    All from 8.0 on where the target names none.
    """
    wanted = target.device.compute_capability
    if wanted is None:
        return PORTABLE
    if wanted not in NAMES:
        raise TargetError(
            f"TensorRT-RTX compiles for {', '.join(NAMES)}, and the GPU is of compute capability "
            f"{wanted}",
            where=f"target {target.name}",
            fix="--backend tensorrt: it writes a kit that is finished on the device",
        )
    return (wanted,)


def nearest(wanted: str | None) -> str | None:
    """The newest GPU that is no newer than the wanted one; None where all are newer."""
    if wanted is None:
        return PORTABLE[0]
    older = [name for name in NAMES if Version(name) <= Version(wanted)]
    return older[-1] if older else None
