"""The noise that each carried op makes alone: the float program with its result on integers.

A carried op (a residual Add, a pool, a Concat) computes on integers because its neighbours do. What
it reads is rounded anyway; what it adds is the rounding of its result, for all who read that. Left
float it adds none, and costs conversions instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from mcompile.graph import name_of
from mcompile.oracle import Oracle
from mcompile.quantize.readers import is_on_integers, rounded
from mcompile.quantize.walk import Walk, cut
from mcompile.types import Array, Feeds, Program, QParams, QuantPlan, Scheme

_EXACT_DB = 200.0


def noise_of_carried(
    source: Program,
    plan: QuantPlan,
    scheme: Scheme,
    feeds: Sequence[Feeds],
    *,
    threads: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, float]:
    """SQNR in dB of the worst output for each carried op's result, the noisiest first.

    Ops of one scale with what they read round nothing: they are left out. So are those that were
    not reached when `stop` said that it is enough.
    """
    names = [name_of(n.outputs[0]) for n in source.graph.graph if _rounds(n, plan, scheme)]
    outputs = [p.name for p in source.outputs if p.dtype == "float32"]
    walk = Walk(source, [*names, *outputs], feeds, threads=threads)
    reference = Oracle(source, threads=threads)
    wanted = [reference.run(f) for f in feeds]
    found: dict[str, float] = {}
    for name in names:
        if stop():
            break
        data = walk.to(name)
        known, later = list(walk.held[0]), walk.pending(outputs)
        if not later:
            continue  # what nobody hands on
        rest = Oracle(cut(source, known, later), threads=threads)
        sums = np.zeros((len(later), 2))
        for values, x, want in zip(walk.held, data, wanted, strict=False):
            given = {n: values[n] for n in known} | {name: _held(x, plan.tensors[name])}
            got = rest.run(given)
            sums += [_powers(want[n], got[n]) for n in later]
        found[name] = min((_decibel(s, n) for s, n in sums), default=_EXACT_DB)
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _rounds(node: ir.Node, plan: QuantPlan, scheme: Scheme) -> bool:
    """Whether the op computes on integers and its result has a scale of its own."""
    if node.op_type not in scheme.carried or not is_on_integers(node, plan, scheme):
        return False
    if node.outputs[0].is_graph_output():
        return False
    own = plan.tensors[name_of(node.outputs[0])]
    return all(plan.tensors.get(v.name or "") is not own for v in node.inputs if v is not None)


def _held(x: Array, params: QParams) -> Array:
    """The values as integers of those parameters hold them."""
    ends, zero = np.iinfo(params.dtype), int(params.zero_point)
    return rounded(x, float(params.scale), ends.min - zero, ends.max - zero)


def _powers(want: Array, got: Array) -> tuple[float, float]:
    exact = want.astype(np.float64)
    return float((exact**2).sum()), float(((exact - got) ** 2).sum())


def _decibel(signal: float, noise: float) -> float:
    if noise == 0.0:
        return _EXACT_DB
    return float(10 * np.log10(signal / noise)) if signal and np.isfinite(noise) else -_EXACT_DB
