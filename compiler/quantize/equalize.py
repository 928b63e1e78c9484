"""Cross-layer equalization: weights of neighbours, or the activations between them, made alike.

    v / s between a layer that makes v and one that reads it

    weights        s = sqrt(r1 / r2), r1 and r2 the largest weights that make and read a channel,
                   over and over until nothing moves (Nagel et al., arXiv:1906.04721)
    activations    s = a^e / r2^(1 - e), a the largest value observed in a channel

With a scale for each output channel the weights that make v lose nothing by being divided. Those
of a depthwise layer that reads it lose nothing either, and e = 1 is free; other readers gain
spread within each of their channels, and e weighs that against the activation's single scale.

A channel that hardly holds anything is not magnified as if that were all it ever holds: unseen
data would be clipped. Channels without a value or a weight are left as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mcompile.graph import integer, name_of
from mcompile.quantize.edits import Edit
from mcompile.quantize.lanes import Lanes, lanes
from mcompile.quantize.ranges import Ranges
from mcompile.quantize.restated import restated
from mcompile.quantize.scaling import Scaling
from mcompile.types import Array, Divided, Feeds, Program, Scheme

_ROUNDS = 20
_STILL = 1e-3
_DEAD = 1e-6
_FAINT = 1 / 16
"""The share of the median channel that any channel is taken to reach."""


class Scaled(NamedTuple):
    """An equal program, its ranges, and the steps that made it."""

    program: Program
    ranges: Ranges
    steps: tuple[Divided, ...]


def equalize(
    source: Program,
    ranges: Ranges,
    scheme: Scheme,
    feeds: Sequence[Feeds] = (),
    *,
    threads: int | None = None,
) -> Scaled | None:
    """An equal program whose neighbouring layers have weights alike, and its ranges.

    None where there is nothing to equalize. `feeds` are a handful of calibration samples: with
    them histograms of what was scaled are taken anew.
    """
    scaling = Scaling(source)
    found = [g for g in lanes(scaling.graph) if _joins(g, scheme) and g.free.any()]
    for _ in range(_ROUNDS):
        moved = 0.0
        for each in found:
            made = reach(scaling, each, [e for e in each.makers() if _is_planned(e, scheme)])
            read = reach(scaling, each, [e for e in each.readers() if _is_planned(e, scheme)])
            factors = _ratio(np.sqrt(made), np.sqrt(read))
            scaling.divide(each, factors)
            moved = max(moved, float(np.abs(np.log(factors[each.free])).max(initial=0.0)))
        if moved < _STILL:
            break
    return finished(source, ranges, scaling, feeds, threads)


def level(
    source: Program,
    ranges: Ranges,
    scheme: Scheme,
    feeds: Sequence[Feeds] = (),
    *,
    exponent: float,
    threads: int | None = None,
) -> Scaled | None:
    """An equal program whose layers read channels of values alike, and its ranges.

    Channels are alike with an exponent of one, and lean to the weights that read them below it.
    None where there is nothing to level. No op is added.
    """
    scaling = Scaling(source)
    for each in lanes(scaling.graph):
        if each.free.any() and _joins(each, scheme, makers=False):
            scaling.divide(each, balanced(scaling, each, ranges, scheme, exponent))
    return finished(source, ranges, scaling, feeds, threads)


def finished(
    source: Program, ranges: Ranges, scaling: Scaling, feeds: Sequence[Feeds], threads: int | None
) -> Scaled | None:
    """What scaling has made, with its ranges; None where it has changed nothing."""
    if all((f == 1.0).all() for _, f in scaling.factors.values()):
        return None
    found = restated(source, ranges, scaling.factors, feeds, threads)
    return Scaled(scaling.written(), found, scaling.steps)


def balanced(
    scaling: Scaling, found: Lanes, ranges: Ranges, scheme: Scheme, exponent: float
) -> Array:
    """The factor of each lane between what it holds and the weights that read it."""
    readers = [e for e in found.readers() if _is_planned(e, scheme)]
    if scheme.per_channel and readers and all(map(is_depthwise, readers)):
        exponent = 1.0
    held = values(found, ranges, readers)
    return migrated(held, reach(scaling, found, readers), exponent)


def migrated(held: Array, weights: Array, exponent: float, faint: float = _FAINT) -> Array:
    """a^e / w^(1 - e) for the channels, one in the middle; `held` and `weights` are magnitudes."""
    known = (held > 0) & (weights > 0)
    if not known.any():
        return np.ones_like(held)
    least = np.median(held[known]) * faint
    part = np.maximum(held, least) ** exponent
    factors = _ratio(np.where(known, part, 0.0), np.where(known, weights, 0.0) ** (1.0 - exponent))
    factors[known] /= np.exp(np.log(factors[known]).mean())
    return factors


def values(found: Lanes, ranges: Ranges, readers: Sequence[Edit]) -> Array:
    """The largest magnitude that was observed in each lane by those who read it."""
    largest = np.zeros(found.count)
    for edit in readers:
        value = edit.node.inputs[0]
        if value is None or name_of(value) not in ranges:
            continue
        ids = found.held[value]
        axis = 1 if edit.node.op_type == "Conv" else -1
        channels = ranges[name_of(value)].channels.get(axis)
        if channels is not None and channels.low.size == ids.size:
            np.maximum.at(largest, ids.reshape(-1), channels.reach().astype(np.float64))
    return largest


def reach(scaling: Scaling, found: Lanes, edits: Sequence[Edit]) -> Array:
    """The largest magnitude of those weights in each lane."""
    largest = np.zeros(found.count)
    for edit in edits:
        data = np.abs(scaling.data(edit.node, edit.index))
        ids = edit.lanes.reshape([1] * (data.ndim - edit.lanes.ndim) + [*edit.lanes.shape])
        others = tuple(k for k in range(data.ndim) if ids.shape[k] == 1)
        peak = data.max(axis=others, keepdims=True, initial=0.0)
        np.maximum.at(largest, np.broadcast_to(ids, peak.shape).reshape(-1), peak.reshape(-1))
    return largest


def is_depthwise(edit: Edit) -> bool:
    """Whether each output channel of the layer reads one channel alone."""
    weight = edit.node.inputs[1]
    if edit.node.op_type != "Conv" or weight is None or weight.shape is None:
        return False
    return weight.shape[1] == 1 and integer(edit.node, "group", 1) > 1


def _ratio(above: Array, below: Array) -> Array:
    """Their ratio, one where either is as good as zero."""
    known = (above > above.max(initial=0.0) * _DEAD) & (below > below.max(initial=0.0) * _DEAD)
    return np.where(known, above, 1.0) / np.where(known, below, 1.0)


def _is_planned(edit: Edit, scheme: Scheme) -> bool:
    return edit.node.op_type in scheme.weighted


def _joins(found: Lanes, scheme: Scheme, *, makers: bool = True) -> bool:
    """Whether there are weights on integers to read them, and to make them."""
    made = any(_is_planned(e, scheme) for e in found.makers())
    return any(_is_planned(e, scheme) for e in found.readers()) and (made or not makers)
