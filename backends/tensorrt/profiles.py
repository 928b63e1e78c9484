"""Bounds of sizes that are free: TensorRT asks for them when it builds."""

from __future__ import annotations

from mcompile.errors import LoweringError
from mcompile.types import Program

LARGEST_BATCH = 16
"""The most that a free leading size may be; the engine is tuned for one."""

Bounds = dict[str, dict[str, list[int]]]


def profiles(program: Program) -> Bounds:
    """The least, the likely and the largest shape of each input whose leading size is free.

    Raises `LoweringError` for another free size: no number can be guessed for it.
    """
    found: Bounds = {}
    for port in program.inputs:
        free = [d for d in port.shape[1:] if isinstance(d, str)]
        if free:
            sizes = ",".join("N" if isinstance(d, str) else str(d) for d in port.shape)
            raise LoweringError(
                f"TensorRT needs bounds of the free size {free[0]} of {port.name}",
                where=program.name,
                fix=f"--input '{port.name}=F32[{sizes}]' with numbers in place of N",
            )
        if port.shape and isinstance(port.shape[0], str):
            rest = [d for d in port.shape[1:] if isinstance(d, int)]
            ends = {"min": 1, "opt": 1, "max": LARGEST_BATCH}
            found[port.name] = {end: [size, *rest] for end, size in ends.items()}
    return found
