"""Where inside the net a changed program leaves the reference, value by value."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

import numpy as np

from mcompile.graph import array, dtype_of, name_of, values
from mcompile.measure.agreement import decibel
from mcompile.oracle import Oracle
from mcompile.types import Program, Samples

SAMPLES = 4


def drift(reference: Program, other: Program, samples: Samples) -> Mapping[str, float]:
    """SQNR in dB of every float value that both programs compute under the same name.

    Over the first four samples, in the order of execution; both run as written, node by node.
    """
    known = set(_computed(reference))
    shared = [n for n in _computed(other) if n in known]
    one, two = Oracle(reference, shared), Oracle(other, shared)
    signal, noise = dict.fromkeys(shared, 0.0), dict.fromkeys(shared, 0.0)
    for sample in islice(samples, SAMPLES):
        wanted, got = one.run(sample.feeds), two.run(sample.feeds)
        for name in shared:
            exact = wanted[name].astype(np.float64)
            if exact.shape != got[name].shape:
                continue
            signal[name] += float((exact**2).sum())
            with np.errstate(over="ignore", invalid="ignore"):
                noise[name] += float(((exact - got[name]) ** 2).sum())
    return {name: decibel(signal[name], noise[name]) for name in shared}


def first_jump(found: Mapping[str, float], drop_db: float = 6.0) -> str:
    """The first value whose SQNR falls by `drop_db` or more below the worst before it; or ''."""
    worst = float("inf")
    for name, sqnr_db in found.items():
        if sqnr_db < 20.0 and sqnr_db <= worst - drop_db:
            return name
        worst = min(worst, sqnr_db)
    return ""


def _computed(program: Program) -> list[str]:
    return [
        name_of(v)
        for v in values(program.graph.graph)
        if v.producer() is not None and dtype_of(v) == "float32" and array(v) is None
    ]
