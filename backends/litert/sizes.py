"""Puts a number in the place of a free size, so that every shape is known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.arithmetic import shape_by_arithmetic
from mcompile.backends.litert.place import WAYS_OUT
from mcompile.errors import LoweringError
from mcompile.types import Port, Program

_PRIMES = (7919, 7927, 7933, 7937, 7949, 7951, 7963, 7993)


def bound(program: Program) -> tuple[Program, int]:
    """A copy in which one number stands for the free size, and the number; 0 where all are fixed.

    It divides no other size of the program. Raises `LoweringError` for several free sizes.
    """
    free = sorted({d for p in program.inputs for d in p.shape if isinstance(d, str)})
    if len(free) > 1:
        raise LoweringError(
            f"LiteRT can be given one free size, and {', '.join(free)} are",
            where=program.name,
            fix="--input with numbers for all but one, such as --input F32[n,3,224,224]",
        )
    copy = graph.clone(program)
    stand_in = _number(copy) if free else 0
    for value in copy.graph.graph.inputs:
        dims = graph.dims(value) or ()
        if free and any(d == free[0] for d in dims):
            value.shape = ir.Shape([stand_in if d == free[0] else d for d in dims])
    if free:
        _forget(copy)
        shape_by_arithmetic(copy)
    else:
        graph.infer_shapes(copy)
    return graph.program(program.name, copy.graph), stand_in


@contextmanager
def offered(program: Program) -> Iterator[None]:
    """Within it, errors that know no way out name the sizes to fix, where some are free."""
    try:
        yield
    except LoweringError as error:
        free = [p for p in program.inputs if any(isinstance(d, str) for d in p.shape)]
        if free and error.fix == WAYS_OUT:
            error.fix = f"a number for the free size, such as {' '.join(map(_fixed, free))}"
        raise


def _fixed(port: Port) -> str:
    kind = np.dtype(port.dtype)
    short = "BOOL" if kind == np.bool_ else f"{kind.kind.upper()}{8 * kind.itemsize}"
    shape = [d if isinstance(d, int) else 64 if k else 1 for k, d in enumerate(port.shape)]
    return f"--input {port.name}={short}[{','.join(map(str, shape))}]"


def _number(program: Program) -> int:
    sizes = {
        d
        for v in graph.values(program.graph.graph)
        for d in graph.dims(v) or ()
        if isinstance(d, int)
    }
    return next(p for p in _PRIMES if all(s == 0 or s % p for s in sizes))


def _forget(program: Program) -> None:
    """Drop the shapes of what is computed: they speak of the free size by its name."""
    for node in program.graph.graph:
        for value in node.outputs:
            value.shape = None
