"""Reads samples once and keeps figures of them, in memory that does not grow with their size."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mcompile.samples import colors, thumbnails
from mcompile.samples.moments import Moments
from mcompile.samples.planes import LEAST_SIDE, Layout, given_layout, layout_of, pictures
from mcompile.samples.preprocess import Preprocess
from mcompile.samples.spread import quantiles
from mcompile.samples.thinning import Thinned
from mcompile.types import Array, Port, Sample, Samples

_KEPT, _DRAWN, _STEPPED, _CLASSES = 2048, 1024, 256, 100_000


@dataclass(frozen=True)
class Glance:
    """What is kept of one picture, or of one sample's tensor: a few hundred numbers."""

    quantiles: Array
    likeness: Array
    warmth: tuple[float, float] = (0.0, 0.0)


@dataclass
class Seen:
    """Figures of one input over all samples; a unit is a picture, or a sample's whole tensor."""

    port: Port
    how: Preprocess | None = None
    layout: Layout = ""
    given: set[Layout] = field(default_factory=set)
    units: int = 0
    constant: int = 0
    zero: int = 0
    largest: int = 0
    stepped: int = 0
    moments: Moments = field(default_factory=Moments)
    steps: Array = field(default_factory=lambda: np.zeros(4))
    glances: Thinned[Glance] = field(default_factory=lambda: Thinned(_KEPT))

    @property
    def numeric(self) -> bool:
        """Whether anything was there to count."""
        return self.moments.number > 0

    @property
    def real(self) -> bool:
        """Whether the input takes fractions, and not counts, numbers of words or flags."""
        return "float" in self.port.dtype

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return float(self.moments.low.min()), float(self.moments.high.max())

    @property
    def colored(self) -> bool:
        """Whether there are pictures of three channels."""
        return bool(self.layout) and len(self.moments.mean) == 3

    def add(self, data: Array) -> None:
        """Take in the tensor of one sample."""
        numbers = data.dtype.kind in "biuf" or self.port.dtype.startswith(("bfloat", "float8"))
        if not numbers or not data.size:
            return
        self.largest = max(self.largest, data.size)
        self.layout = self.layout or layout_of(self.port, data.shape, self.how)
        self.given.add(given_layout(data.shape))
        if self.layout:
            units = pictures(data, self.layout)
        else:
            units = data.reshape(1, 1, -1).astype(np.float64)
        for unit in units:
            if not self.moments.number or len(unit) == len(self.moments.mean):
                self._unit(unit)

    def _unit(self, unit: Array) -> None:
        self.units += 1
        low, high = unit.min(), unit.max()
        self.constant += bool(low == high)
        self.zero += bool(low == high == 0)
        self.moments.add(unit)
        tall = self.colored and min(unit.shape[1:]) >= LEAST_SIDE
        if tall and self.stepped < _STEPPED:
            self.stepped += 1
            as_it_lies = unit if self.layout == "nchw" else unit.transpose(1, 2, 0)
            self.steps += colors.steps(as_it_lies.reshape(-1, unit.shape[2]))
        if self.glances.wants():
            self.glances.keep(self._glance(unit))

    def _glance(self, unit: Array) -> Glance:
        flat = unit.reshape(len(unit), -1)
        drawn = flat if flat.shape[1] <= _DRAWN else flat[:, _places(flat.shape[1])]
        likeness = (thumbnails.of_picture if self.layout else thumbnails.of_signal)(unit)
        tall = self.colored and unit.shape[1] >= LEAST_SIDE
        warm = colors.warmth(unit) if tall else (0.0, 0.0)
        return Glance(quantiles(drawn).astype(np.float32), likeness, warm)


@dataclass
class Survey:
    """Figures of a set of samples: how many, which are the same, their classes, their inputs.

    `rows` counts pictures where there are some, so that a batch is as many as it holds.
    """

    source: str
    inputs: dict[str, Seen]
    samples: int = 0
    copies: int = 0
    classes: Counter[int] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """The number of pictures, or of samples where there are none."""
        return max([self.samples, *(s.units for s in self.inputs.values())])


def survey(samples: Samples, ports: Sequence[Port], how: Preprocess | None) -> Survey:
    """The figures of all samples, read once; errors of the source pass through.

    Of each sample 16 bytes are kept, and a few kilobytes of 2,048 of them at most.
    """
    made = Survey(samples.source, {p.name: Seen(p, how) for p in ports})
    digests: set[bytes] = set()
    for sample in samples:
        made.samples += 1
        digest = _digest(sample, ports)
        made.copies += digest in digests
        digests.add(digest)
        for port in ports:
            made.inputs[port.name].add(np.asarray(sample.feeds[port.name]))
        for label in _classes(sample.label):
            if label in made.classes or len(made.classes) < _CLASSES:
                made.classes[label] += 1
    return made


def _digest(sample: Sample, ports: Sequence[Port]) -> bytes:
    found = hashlib.blake2b(digest_size=16)
    for port in ports:
        data = np.asarray(sample.feeds[port.name])
        found.update(str(data.shape).encode())
        if data.dtype.kind == "O":
            found.update(repr(data.tolist()).encode())
        else:
            found.update(data.tobytes())
    return found.digest()


def _classes(label: Array | None) -> list[int]:
    """The classes that a label names; none where it is a number to be met, or many at once."""
    if label is None or np.asarray(label).dtype.kind not in "iu" or np.asarray(label).ndim > 1:
        return []
    return [int(k) for k in np.asarray(label).ravel()]


def _places(size: int) -> Array:
    # Drawn, not evenly spaced: a step that divides the width would see the same columns always.
    return np.random.default_rng(size).integers(0, size, _DRAWN)
