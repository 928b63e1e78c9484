"""What each layer of the float program gives: the aim of whoever chooses its integers.

Means are those of all positions. Rows are those of a few positions, which are enough for moments
and leave the samples' activations where they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from mcompile.graph import array
from mcompile.oracle import Oracle
from mcompile.quantize import biases
from mcompile.quantize.gram import KINDS, matrix
from mcompile.types import Array, Feeds, Program

_SEED = 0


@dataclass
class Seen:
    """One layer: for each sample the mean of each channel, and outputs at some positions.

    `at` counts those positions over all axes of an output but its channels; `sizes` are the shapes
    of the outputs.
    """

    means: list[Array] = field(default_factory=list)
    rows: list[Array] = field(default_factory=list)
    at: list[Array] = field(default_factory=list)
    sizes: list[tuple[int, ...]] = field(default_factory=list)


@dataclass(frozen=True)
class Positions:
    """How many rows are looked at: for each input that a layer has, at least, at most."""

    each: int
    least: int
    most: int


def seen(
    source: Program,
    layers: Mapping[str, ir.Node],
    feeds: Sequence[Feeds],
    positions: Positions,
    *,
    threads: int | None = None,
    held: int,
) -> dict[str, Seen]:
    """What the layers give, by the value that holds it; rows take about `held` bytes at most."""
    oracle = Oracle(source, list(layers), threads, quick=True)
    rng = np.random.default_rng(_SEED)
    counts = _counts(layers, len(feeds), positions, held)
    found = {name: Seen() for name in layers}
    for each in feeds:
        given = oracle.run(each)
        for name, node in layers.items():
            outputs, one = biases.channels_last(node, given[name]), found[name]
            at = np.arange(len(outputs))
            if len(at) > counts[name]:
                at = np.sort(rng.choice(len(at), counts[name], replace=False))
            one.means.append(biases.mean_of(node, given[name]))
            one.rows.append(outputs[at])
            one.at.append(at)
            one.sizes.append(given[name].shape)
    return found


def _counts(
    layers: Mapping[str, ir.Node], samples: int, positions: Positions, held: int
) -> dict[str, int]:
    """Positions of each sample, for each layer."""
    wanted: dict[str, int] = {}
    total = 1
    for name, node in layers.items():
        weight = array(node.inputs[1])
        if weight is None or node.op_type not in KINDS:
            continue
        groups, outputs, inputs = matrix(node, weight).shape
        rows = min(max(positions.each * inputs, positions.least), positions.most)
        wanted[name] = max(1, rows // samples)
        total += 4 * samples * wanted[name] * groups * outputs
    share = min(1.0, held / total)
    return {name: max(1, int(wanted.get(name, 1) * share)) for name in layers}
