"""The noise that each layer makes alone: the float program with that one layer on integers.

The float program is walked through once. From each layer on, only the rest of it is run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import onnx_ir as ir

from mcompile.graph import name_of
from mcompile.oracle import Oracle
from mcompile.quantize.insert import handed_on, insert
from mcompile.quantize.walk import Walk, cut
from mcompile.types import Array, Feeds, Program, QuantPlan, Scheme

_EXACT_DB = 200.0


def noise_alone(
    source: Program,
    plan: QuantPlan,
    scheme: Scheme,
    feeds: Sequence[Feeds],
    *,
    threads: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, float]:
    """SQNR in dB of the worst output for each layer of the plan, in the order of execution.

    Layers that were not reached when `stop` said that it is enough are given 200 dB.
    """
    layers = [n for n in source.graph.graph if _is_planned(n, plan, scheme)]
    outputs = [p.name for p in source.outputs if p.dtype == "float32"]
    reference = Oracle(source, threads=threads)
    wanted = [reference.run(f) for f in feeds]
    starts = [name_of(n.inputs[0]) for n in layers]
    walk = Walk(source, [*starts, *outputs], feeds, threads=threads)
    found = dict.fromkeys((name_of(n.outputs[0]) for n in layers), _EXACT_DB)
    for node, start in zip(layers, starts, strict=True):
        if stop():
            break
        walk.to(start)
        one = insert(source, _only(node, plan, scheme, layers), scheme)
        known, later = list(walk.held[0]), walk.pending(outputs)
        if not later:
            continue  # what nobody hands on
        rest = Oracle(cut(one, known, later), threads=threads)
        got = [rest.run({n: values[n] for n in known}) for values in walk.held]
        found[name_of(node.outputs[0])] = min(_sqnr(n, wanted, got) for n in later)
    return found


def _is_planned(node: ir.Node, plan: QuantPlan, scheme: Scheme) -> bool:
    if node.op_type not in scheme.weighted or node.domain:
        return False
    names = [name_of(v) for v in node.inputs[:2]]
    return name_of(node.outputs[0]) not in plan.left_float and all(n in plan.tensors for n in names)


def _only(node: ir.Node, plan: QuantPlan, scheme: Scheme, layers: Sequence[ir.Node]) -> QuantPlan:
    """The plan for that layer alone."""
    names = {name_of(v) for v in node.inputs[:2]}
    if node.op_type in scheme.closed:
        names.add(name_of(handed_on(node, scheme)))
    others = {name_of(n.outputs[0]): "another" for n in layers if n is not node}
    tensors = {n: p for n, p in plan.tensors.items() if n in names}
    return replace(plan, tensors=tensors, left_float={**plan.left_float, **others})


def _sqnr(name: str, wanted: Sequence[dict[str, Array]], got: Sequence[dict[str, Array]]) -> float:
    signal = noise = 0.0
    for one, other in zip(wanted, got, strict=False):
        exact = one[name].astype(np.float64)
        signal += float((exact**2).sum())
        noise += float(((exact - other[name]) ** 2).sum())
    if noise == 0.0:
        return _EXACT_DB
    return 10 * math.log10(signal / noise) if signal and math.isfinite(noise) else -_EXACT_DB
