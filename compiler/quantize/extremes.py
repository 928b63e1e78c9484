"""What values the tensors of a program take, where some of them may be infinite.

A mask of minus infinity is a part of many models, and says nothing about the range of the rest.
"""

from __future__ import annotations

import numpy as np

from mcompile.graph import array, dtype_of, name_of, values
from mcompile.oracle import Oracle
from mcompile.quantize.ranges import Ranges, TensorRange
from mcompile.types import Program, Samples


def extremes(program: Program, samples: Samples, threads: int | None = None) -> Ranges:
    """The range of the finite values of every float32 tensor that is not a constant.

    Tensors inside of branches are not seen; those that never were finite are left out.
    """
    watched = [
        name_of(v)
        for v in values(program.graph.graph)
        if v.name and not v.is_initializer() and dtype_of(v) == "float32" and array(v) is None
    ]
    fed = {p.name for p in program.inputs}
    oracle = Oracle(program, [n for n in watched if n not in fed], threads)
    ranges = {name: TensorRange() for name in watched}
    for sample in samples:
        held = {**sample.feeds, **oracle.run(sample.feeds)}
        for name, found in ranges.items():
            found.add(held[name][np.isfinite(held[name])])
    return {name: found for name, found in ranges.items() if found.low <= found.high}
