"""The noise that integers will add where lanes are read, foretold from weights and samples.

    activation   D^2 / 12 * sum_c s_c^2 |w_c|^2               D = (max h/s - min l/s) / levels
    weights      sum_m d_m^2 / 12 * k sum_c E x_c^2 / s_c^2     d_m = max_c |w_mc| s_c / 127
    clipping     (e_c s_c)^2 |w_c|^2 / places                 e = what a sample is beyond all others

for a layer that reads channels c, of extremes l and h, with k taps of its kernel each, and makes
channels m. Roundings are taken as even and independent. Only ratios of such noise mean anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mcompile.graph import integer, name_of
from mcompile.oracle import Oracle
from mcompile.quantize.edits import Edit
from mcompile.quantize.lanes import Lanes
from mcompile.quantize.scaling import Scaling
from mcompile.types import Array, Feeds, Program, Scheme

_LEVELS = {"uint8": 255, "int8": 255, "uint16": 65535, "int16": 65535}
_LIMIT = 127


@dataclass(frozen=True)
class Held:
    """What each channel of a tensor held on each sample: [samples, channels].

    `power` is the mean square over all samples, `places` how many values a sample has of each.
    """

    low: Array
    high: Array
    power: Array
    places: float


Seen = Mapping[str, Held]


@dataclass(frozen=True)
class Reader:
    """A layer that reads lanes: [groups, made, read, taps] weights, [groups, read] lanes."""

    weight: Array
    lanes: Array
    held: Held

    def noise(self, factors: Array, scheme: Scheme) -> float:
        """What rounding adds when its lanes are divided by those factors; no unit."""
        own = factors[self.lanes]
        low = min(0.0, float((self.held.low / own.reshape(-1)).min()))
        high = max(0.0, float((self.held.high / own.reshape(-1)).max()))
        span = 2 * max(-low, high) if scheme.symmetric_activations else high - low
        weight = self.weight * own[:, None, :, None]
        step = np.abs(weight).max(axis=(2, 3)) / _LIMIT
        if not scheme.per_channel:
            step = np.full_like(step, step.max())
        power = self.held.power.reshape(own.shape) / own**2
        passed = self.weight.shape[3] * power.sum(axis=1, keepdims=True)
        activation = (span / _LEVELS[scheme.activations]) ** 2 * float((weight**2).sum())
        return (activation + float((step**2 * passed).sum())) / 12

    def clipped(self, without: Array) -> float:
        """What a sample errs that is beyond all others; no unit.

        `without` are the factors [samples, lanes] that would have been chosen without it.
        """
        own = without[:, self.lanes.reshape(-1)]
        high, low = self.held.high, -self.held.low
        over = _excess(high / own, others(high) / own) + _excess(low / own, others(low) / own)
        passed = (self.weight**2).sum(axis=(1, 3)).reshape(-1)
        return float(((over * own) ** 2 * passed).sum(axis=1).mean()) / self.held.places


def others(reach: Array) -> Array:
    """How far each channel reaches on all samples but one, for each: [samples, channels]."""
    if len(reach) < 2:
        return reach
    second, first = np.partition(reach, -2, axis=0)[-2:]
    return np.asarray(np.where(reach == first, second, first))


def _excess(reach: Array, known: Array) -> Array:
    """By how much each sample is beyond what any channel of the others reaches, or zero."""
    ends = np.maximum(known.max(axis=1, keepdims=True), 0.0)
    return np.asarray(np.maximum(reach - ends, 0.0))


def seen(
    source: Program, names: Mapping[str, int], feeds: Sequence[Feeds], threads: int | None = None
) -> Seen:
    """What those tensors hold along those axes, by channel and sample."""
    fed = {p.name for p in source.inputs}
    oracle = Oracle(source, [n for n in names if n not in fed], threads)
    rows: dict[str, list[tuple[Array, Array, Array, int]]] = {n: [] for n in names}
    for each in feeds:
        held = {**each, **oracle.run(each)}
        for name, axis in names.items():
            data = np.moveaxis(held[name], axis, -1)
            data = data.reshape(-1, data.shape[-1]).astype(np.float64)
            rows[name].append((data.min(0), data.max(0), np.square(data).mean(0), len(data)))
    return {n: _joined(found) for n, found in rows.items() if found}


def _joined(rows: Sequence[tuple[Array, Array, Array, int]]) -> Held:
    low, high, power, places = (np.asarray(column) for column in zip(*rows, strict=True))
    return Held(low, high, power.mean(axis=0), float(places.mean()))


def reader(scaling: Scaling, found: Lanes, edit: Edit, held: Seen) -> Reader | None:
    """What is known of a layer that reads lanes; None where nothing was seen of it."""
    value = edit.node.inputs[0]
    if value is None or name_of(value) not in held:
        return None
    groups = integer(edit.node, "group", 1) if edit.node.op_type == "Conv" else 1
    data = scaling.data(edit.node, edit.index)
    if not _is_rows_first(edit):
        data = data.T
    weight = data.reshape(groups, data.shape[0] // groups, data.shape[1], -1)
    return Reader(weight, found.held[value].reshape(groups, -1), held[name_of(value)])


def _is_rows_first(edit: Edit) -> bool:
    """Whether the weight has its output channels along its first axis."""
    return edit.node.op_type == "Conv" or bool(integer(edit.node, "transB", 0))


def axis_of(edit: Edit) -> int:
    """The axis along which the layer reads channels."""
    return 1 if edit.node.op_type == "Conv" else -1
