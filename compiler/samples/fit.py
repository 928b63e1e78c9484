"""Cuts what a source holds into samples: one for each run of the model, with its batch axis.

An array of the input's rank holds rows along its first axis, of which one sample takes as many as
the input's first dimension says, one where it is dynamic. An array of one rank more holds whole
inputs; one of one rank less is a single row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mcompile.errors import SamplesError
from mcompile.samples.picture import prepare_rows
from mcompile.samples.ports import match_names, shape_text
from mcompile.samples.source import Chunk, Wanted
from mcompile.types import Array, Port, Sample


@dataclass(frozen=True)
class Step:
    """How many rows make a sample, and whether its axis stays (`bare`: it goes)."""

    rows: int
    bare: bool


def step(shape: tuple[int, ...], port: Port, stacked: bool, where: str) -> Step:
    """How data of that shape is cut for the input; `SamplesError` where the rank is wrong."""
    rank = len(port.shape)
    if len(shape) == rank + 1 or (rank == len(shape) == 0 and not stacked):
        return Step(1, True)
    if len(shape) == rank or (len(shape) == rank - 1 and not stacked):
        lead = port.shape[0]
        return Step(max(lead, 1) if isinstance(lead, int) else 1, False)
    first = "N" if rank and isinstance(port.shape[0], int) else ""
    expected = shape_text((first, *port.shape[1:]) if first else port.shape)
    raise SamplesError(
        f"{port.name} takes arrays of {expected}, not {shape_text(shape)}",
        where=where,
        fix="the first axis counts the samples" if stacked else "one sample, or a batch, an item",
    )


def label_step(labels: int, samples: float, first: Step, where: str) -> Step:
    """How labels are cut: one for each sample, or one for each row of a batch."""
    if labels == samples * first.rows:
        return first
    if labels == samples:
        return Step(1, True)
    raise SamplesError(
        f"{labels} labels for {samples * first.rows:g} samples", where=where, fix="one label each"
    )


class _Rows:
    """Rows that wait until there are enough of them for a sample."""

    def __init__(self, cut: Step) -> None:
        self.cut = cut
        self._parts: deque[Array] = deque()
        self._length = 0

    @property
    def ready(self) -> bool:
        return self._length >= self.cut.rows

    @property
    def waiting(self) -> int:
        return self._length

    def add(self, rows: Array) -> None:
        self._parts.append(rows)
        self._length += len(rows)

    def take(self) -> Array:
        taken, missing = [], self.cut.rows
        while missing:
            head = self._parts.popleft()
            taken.append(head[:missing])
            if len(head) > missing:
                self._parts.appendleft(head[missing:])
            missing -= len(taken[-1])
        self._length -= self.cut.rows
        rows = taken[0] if len(taken) == 1 else np.concatenate(taken)
        return np.asarray(rows[0]) if self.cut.bare else rows


@dataclass
class _Bench:
    """The inputs (and labels) of the samples to come, each with its waiting rows."""

    inputs: dict[str, _Rows]
    labels: _Rows | None
    names: deque[str]

    @property
    def ready(self) -> bool:
        return all(rows.ready for rows in self.inputs.values())


def cut(chunks: Iterable[Chunk], wanted: Wanted, source: str) -> Iterator[Sample]:
    """The samples in the chunks, in order. Rows that do not fill a last batch are dropped.

    Raises `SamplesError` where inputs and labels differ in number, or no sample comes of it all.
    """
    bench: _Bench | None = None
    made = 0
    for chunk in chunks:
        where = f"{source}, {chunk.name}" if chunk.name and chunk.name != source else source
        bench = _lay(bench, chunk, wanted, where)
        while bench.ready:
            made += 1
            yield _sample(bench, wanted, where)
    if not made:
        waiting = max((r.waiting for r in bench.inputs.values()), default=0) if bench else 0
        short = f": {waiting} rows do not fill the model's fixed batch" if waiting else ""
        raise SamplesError(f"there are no samples{short}", where=source, fix="give one or more")


def _lay(bench: _Bench | None, chunk: Chunk, wanted: Wanted, where: str) -> _Bench:
    match_names(list(chunk.arrays), wanted.ports, where)
    arrays = {p.name: chunk.arrays[p.name] for p in wanted.ports}
    cuts = {p.name: step(arrays[p.name].shape, p, chunk.stacked, where) for p in wanted.ports}
    rows = {p.name: _rows(arrays[p.name], p) for p in wanted.ports}
    numbers = {name: len(rows[name]) / cuts[name].rows for name in rows}
    if len(set(numbers.values())) > 1:
        told = ", ".join(f"{n:g} of {name}" for name, n in numbers.items())
        raise SamplesError(f"not the same number of samples for each input: {told}", where=where)
    first = next(iter(rows))
    labels = _labels(chunk, numbers[first], cuts[first], where)
    if bench is None:
        waiting = None if labels is None else _Rows(labels[1])
        bench = _Bench({name: _Rows(c) for name, c in cuts.items()}, waiting, deque())
    _refuse_change(bench, cuts, labels, where)
    for name, data in rows.items():
        bench.inputs[name].add(data)
    if labels is not None and bench.labels is not None:
        bench.labels.add(labels[0])
    bench.names.extend(_names(chunk, len(rows[first])))
    return bench


def _refuse_change(
    bench: _Bench, cuts: Mapping[str, Step], labels: tuple[Array, Step] | None, where: str
) -> None:
    if any(bench.inputs[name].cut != cut for name, cut in cuts.items()):
        raise SamplesError("this data has another rank than what came before", where=where)
    if (labels is None) != (bench.labels is None):
        less, more = ("no", "") if labels is None else ("a", "no ")
        raise SamplesError(
            f"this data has {less} label, and what came before had {more or 'one'}".strip(),
            where=where,
            fix="label all samples or none",
        )
    if labels is not None and bench.labels is not None and labels[1] != bench.labels.cut:
        raise SamplesError("labels per sample and labels per row are mixed", where=where)


def _rows(data: Array, port: Port) -> Array:
    return data[None] if len(data.shape) < max(len(port.shape), 1) else data


def _labels(chunk: Chunk, samples: float, first: Step, where: str) -> tuple[Array, Step] | None:
    labels = chunk.labels
    if labels is None:
        return None
    rows = samples * first.rows
    single = samples == 1 and not chunk.stacked and len(labels.shape) > 0
    if not labels.shape or (single and len(labels) not in (1, rows)):
        labels = labels[None]
    return labels, label_step(len(labels), samples, first, where)


def _names(chunk: Chunk, rows: int) -> Iterator[str]:
    if rows == 1 and chunk.start is None:
        yield chunk.name
        return
    for row in range(chunk.start or 0, (chunk.start or 0) + rows):
        yield f"{chunk.name}, row {row}" if chunk.name else f"row {row}"


def _sample(bench: _Bench, wanted: Wanted, where: str) -> Sample:
    feeds = {
        p.name: prepare_rows(bench.inputs[p.name].take(), p, wanted.preprocess, where)
        for p in wanted.ports
    }
    name = bench.names[0]
    for _ in range(bench.inputs[wanted.ports[0].name].cut.rows):
        bench.names.popleft()
    return Sample(feeds, None if bench.labels is None else bench.labels.take(), name)
