"""Lanes divided so that the noise foretold for those who read them is least.

Every set of lanes is tried with a^e / w^(1 - e) for several exponents, from dividing only the
channels that reach furthest to magnifying the faint ones as well, and stays as it is where none of
that promises less noise. What helps one layer harms the next: a single exponent for all of them
gained up to 3 dB on some trained nets and lost up to 17 on others.

The more alike channels are made, the more of them unseen data exceeds. Each sample is therefore
held against factors and ranges that all others would have given.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from mcompile.graph import name_of
from mcompile.quantize.edits import Edit
from mcompile.quantize.equalize import Scaled, finished, migrated, reach, values
from mcompile.quantize.lanes import Lanes, lanes
from mcompile.quantize.predict import Reader, axis_of, others, reader, seen
from mcompile.quantize.ranges import Ranges
from mcompile.quantize.scaling import Scaling
from mcompile.types import Array, Feeds, Program, Scheme

EXPONENTS = (0.25, 0.5, 0.75, 1.0)
FAINT = (1 / 16, 1 / 4, 1.0, 2.0, 4.0)
"""Shares of the median channel below which none is taken to reach."""

PROMISED = 0.9
"""The share of the noise that may be left at most: a forecast is not exact to a tenth."""


def tuned(
    source: Program,
    ranges: Ranges,
    scheme: Scheme,
    feeds: Sequence[Feeds],
    *,
    threads: int | None = None,
) -> Scaled | None:
    """An equal program whose layers are foretold less noise, and its ranges.

    `feeds` are calibration samples, several dozen at best. None where nothing is promised. No op
    is added.
    """
    scaling = Scaling(source)
    found = [g for g in lanes(scaling.graph) if g.free.any()]
    read = [e for g in found for e in _edits(g, scheme)]
    held = seen(source, {name_of(e.node.inputs[0]): axis_of(e) for e in read}, feeds, threads)
    for each in found:
        edits = _edits(each, scheme)
        readers = [r for e in edits if (r := reader(scaling, each, e, held)) is not None]
        if readers:
            scaling.divide(each, _best(scaling, each, edits, readers, ranges, scheme))
    return finished(source, ranges, scaling, feeds, threads)


def _edits(found: Lanes, scheme: Scheme) -> list[Edit]:
    return [e for e in found.readers() if e.node.op_type in scheme.weighted]


def _best(
    scaling: Scaling,
    found: Lanes,
    edits: Sequence[Edit],
    readers: Sequence[Reader],
    ranges: Ranges,
    scheme: Scheme,
) -> Array:
    """The factors of least noise, ones where it would hardly be less."""
    held, weights = values(found, ranges, edits), reach(scaling, found, edits)
    without = others(_reached(found, readers))
    ones = np.ones((len(without) + 1, found.count))
    base = _noises(readers, ones, scheme)
    least, best = PROMISED, ones[0]
    for exponent, faint in product(EXPONENTS, FAINT):
        rows = [migrated(row, weights, exponent, faint) for row in (held, *without)]
        factors = np.where(found.free, rows, 1.0)
        share = float((_noises(readers, factors, scheme) / base).mean())
        if share < least:
            least, best = share, factors[0]
    return np.asarray(best)


def _noises(readers: Sequence[Reader], factors: Array, scheme: Scheme) -> Array:
    """The noise of each reader; the rows after the first are factors without one sample each."""
    rows = [r.noise(factors[0], scheme) + r.clipped(factors[1:]) for r in readers]
    return np.asarray(np.maximum(rows, np.finfo(np.float64).tiny))


def _reached(found: Lanes, readers: Sequence[Reader]) -> Array:
    """The largest magnitude of each lane on each sample: [samples, lanes]."""
    largest = np.zeros((len(readers[0].held.low), found.count))
    for each in readers:
        most = np.maximum(each.held.high, -each.held.low)
        for row, sample in zip(largest, most, strict=True):
            np.maximum.at(row, each.lanes.reshape(-1), sample)
    return largest
