"""Concats whose parts differ so much in range that one scale for all drowns the small ones.

Boxes in pixels beside scores between 0 and 1: with steps of 300 / 255 every score becomes 0 or 1.
A part of range r within a whole of range R loses 20 log10(R / r) dB of what a scale of its own
would give. Its signal and its share of exact zeros, which cost nothing, are those observed.

Left float, a Concat hands every part on with the precision that it came with. That helps those
who read it in float; an integer reader rounds all parts with one scale even so, and an integer-only
runtime has no float Concat: there only wider integers help, or outputs of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile.graph import name_of
from mcompile.quantize.ranges import BINS, Ranges, TensorRange
from mcompile.types import Program, QuantPlan, Scheme

_LEVELS = {"uint8": 255, "int8": 255, "uint16": 65535, "int16": 65535}
_TIMES = 8.0
_ENOUGH_DB = 30.0


@dataclass(frozen=True)
class Mixed:
    """A Concat whose scale drowns a part of it.

    `name` is the value it makes and `part` the one that suffers most, whose range is `times`
    smaller. `alone_db` and `shared_db` are that part's SQNR with a scale of its own and with the
    Concat's. `way` is empty where leaving the Concat float helps, else it says what would.
    """

    name: str
    part: str
    times: float
    alone_db: float
    shared_db: float
    way: str = ""

    def __str__(self) -> str:
        kept = f"{self.part} keeps {self.shared_db:.0f} of {self.alone_db:.0f} dB"
        told = f"its parts differ {self.times:.0f} times in range: {kept} on one scale"
        return f"{told}; {self.way}" if self.way else told


def mixed(source: Program, ranges: Ranges, plan: QuantPlan, scheme: Scheme) -> list[Mixed]:
    """The Concats of the plan that drown a part, in the order of execution.

    A part counts as drowned where its range is at least eight times smaller than the whole, and
    less than 30 dB of it is left.
    """
    found = [
        _judged(node, ranges, plan, scheme)
        for node in source.graph.graph
        if node.op_type == "Concat" and not node.domain and _is_joined(node, plan, scheme)
    ]
    return [m for m in found if m and m.times >= _TIMES and m.shared_db < _ENOUGH_DB]


def left_float(found: Sequence[Mixed]) -> dict[str, str]:
    """The Concats that should stay float, by the value they make, each with the reason."""
    return {each.name: str(each) for each in found if not each.way}


def _is_joined(node: ir.Node, plan: QuantPlan, scheme: Scheme) -> bool:
    """Whether the Concat itself computes on integers."""
    names = [name_of(v) for v in (*node.inputs, *node.outputs)]
    taken = scheme.integer_only or "Concat" in scheme.carried
    return taken and names[-1] not in plan.left_float and all(n in plan.tensors for n in names)


def _judged(node: ir.Node, ranges: Ranges, plan: QuantPlan, scheme: Scheme) -> Mixed | None:
    """What the part that loses most keeps; None where no two parts hold anything."""
    name = name_of(node.outputs[0])
    step, levels = float(plan.tensors[name].scale), _LEVELS[scheme.activations]
    held = {n: ranges[n] for n in map(name_of, node.inputs) if n in ranges and ranges[n].bound}
    if len(held) < 2:
        return None
    part = min(held, key=lambda n: _kept_db(held[n], step))
    found = held[part]
    own = (max(found.high, 0.0) - min(found.low, 0.0)) / levels
    kept, way = (_kept_db(found, own), _kept_db(found, step)), _way(node, plan, scheme)
    return Mixed(name, part, step / own, *kept, way)


def _kept_db(found: TensorRange, step: float) -> float:
    """SQNR of the values as integers of that step; at the least 0, for then all are zero."""
    total = float(found.counts.sum())
    centres = (np.arange(BINS) + 0.5) * (2 * found.bound / BINS) - found.bound
    signal = float((found.counts * centres**2).sum()) / total
    noise = step**2 / 12 * (1 - found.zeros / total)
    return 10 * math.log10(max(signal / noise, 1.0))


def _way(node: ir.Node, plan: QuantPlan, scheme: Scheme) -> str:
    """What would help where leaving the Concat float does not; empty where it does."""
    if scheme.integer_only:
        return "16-bit activations would keep it, or its parts as outputs of their own"
    users = node.outputs[0].consumers()
    if all(_reads_integers(n, plan, scheme) for n in users):
        return "its readers round all parts with one scale too: keep them float, or split them"
    return ""


def _reads_integers(node: ir.Node, plan: QuantPlan, scheme: Scheme) -> bool:
    taken = scheme.weighted | scheme.carried | scheme.read_only
    return node.op_type in taken and name_of(node.outputs[0]) not in plan.left_float
