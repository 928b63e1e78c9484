"""Bounds of sizes that are free: TensorRT asks for them when it builds."""

from __future__ import annotations

from mcompile.bounds import demand_bounds
from mcompile.types import Program

LARGEST_BATCH = 16
"""The most that a free leading size may be; the engine is tuned for one."""

Bounds = dict[str, dict[str, list[int]]]


def profiles(program: Program) -> Bounds:
    """The least, the likely and the largest shape of each input whose leading size is free.

    Raises `LoweringError` for another free size: no number can be guessed for it.
    """
    demand_bounds(program, "TensorRT")
    found: Bounds = {}
    for port in program.inputs:
        if port.shape and isinstance(port.shape[0], str):
            rest = [d for d in port.shape[1:] if isinstance(d, int)]
            ends = {"min": 1, "opt": 1, "max": LARGEST_BATCH}
            found[port.name] = {end: [size, *rest] for end, size in ends.items()}
    return found
