"""Reads calibration data once, and remembers what every float tensor of the program held."""

from __future__ import annotations

import numpy as np

from mcompile.errors import SamplesError
from mcompile.graph import array, dtype_of, name_of, values
from mcompile.oracle import Oracle
from mcompile.quantize.ranges import Ranges, TensorRange
from mcompile.types import Program, Samples


def observe(program: Program, samples: Samples, threads: int | None = None) -> Ranges:
    """The range of every float tensor that is not a constant.

    Memory does not grow with the number of samples. Raises `SamplesError` when there are none, or
    when a tensor becomes NaN or infinite on one of them.
    """
    watched = [
        name_of(v)
        for v in values(program.graph.graph)
        if v.name and not v.is_initializer() and dtype_of(v) == "float32" and array(v) is None
    ]
    fed = {p.name for p in program.inputs}
    oracle = Oracle(program, [n for n in watched if n not in fed], threads)
    ranges = {name: TensorRange() for name in watched}
    seen = 0
    for sample in samples:
        held = {**sample.feeds, **oracle.run(sample.feeds)}
        for name, found in ranges.items():
            if not np.isfinite(held[name]).all():
                raise SamplesError(
                    f"{name} is not finite on calibration sample {sample.name or seen}",
                    where=samples.source,
                    fix="look at that sample and its preprocessing",
                )
            found.add(held[name])
        seen += 1
    if not seen:
        raise SamplesError(
            "there are no calibration samples",
            where=samples.source,
            fix="name a folder or file with samples: --calibration SOURCE",
        )
    return ranges
