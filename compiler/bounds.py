"""Free sizes that an engine can have: a leading one, and none behind it that nobody bounded."""

from __future__ import annotations

import numpy as np

from mcompile.errors import LoweringError
from mcompile.types import Port, Program


def demand_bounds(program: Program, runtime: str) -> None:
    """Raise `LoweringError` for an input with a free size behind the leading one."""
    for port in program.inputs:
        free = [d for d in port.shape[1:] if isinstance(d, str)]
        if free:
            raise LoweringError(
                f"{runtime} needs bounds of the free size {free[0]} of {port.name}",
                where=program.name,
                fix=f"--input '{_typed(port)}' with numbers in place of N",
            )


def _typed(port: Port) -> str:
    """The input as `--input` takes it, N for each free size."""
    kind = np.dtype(port.dtype)
    short = "BOOL" if kind == np.bool_ else f"{kind.kind.upper()}{8 * kind.itemsize}"
    sizes = ",".join("N" if isinstance(d, str) else str(d) for d in port.shape)
    return f"{port.name}={short}[{sizes}]"
