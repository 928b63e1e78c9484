"""Cuts what a source holds into samples: one for each run of the model, with its batch axis."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from mcompile.errors import SamplesError
from mcompile.samples.picture import prepare_rows
from mcompile.samples.source import Chunk, Wanted
from mcompile.samples.steps import Cut, Step, cut
from mcompile.types import Array, Sample


def fit(chunks: Iterable[Chunk], wanted: Wanted, source: str) -> Iterator[Sample]:
    """The samples in the chunks, in order; rows that do not fill a last batch are dropped.

    Raises `SamplesError` where data does not go together, or no sample comes of it all.
    """
    queue, made = _Queue(wanted), 0
    for chunk in chunks:
        where = f"{source}, {chunk.name}" if chunk.name not in ("", source) else source
        queue.add(chunk, where)
        while queue.ready:
            made += 1
            yield queue.take(where)
    if not made:
        rest = f": {queue.length} rows do not fill the model's fixed batch" if queue.length else ""
        raise SamplesError(
            f"there are no samples{rest}", where=source, fix="check that the data is all there"
        )


class _Rows:
    """Rows that wait until there are enough of them for a sample."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.length = 0
        self._parts: deque[Array] = deque()

    def add(self, rows: Array) -> None:
        self._parts.append(rows)
        self.length += len(rows)

    def take(self) -> Array:
        taken: list[Array] = []
        missing = self.step.rows
        while missing:
            head = self._parts.popleft()
            taken.append(head[:missing])
            if len(head) > missing:
                self._parts.appendleft(head[missing:])
            missing -= len(taken[-1])
        self.length -= self.step.rows
        rows = taken[0] if len(taken) == 1 else np.concatenate(taken)
        return np.asarray(rows[0]) if self.step.bare else rows


class _Queue:
    """The rows of all inputs, their labels and their names, up to the next whole sample."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._first = wanted.ports[0].name
        self._inputs: dict[str, _Rows] = {}
        self._labels: _Rows | None = None
        self._names: deque[str] = deque()

    @property
    def length(self) -> int:
        return self._inputs[self._first].length if self._inputs else 0

    @property
    def ready(self) -> bool:
        return all(rows.length >= rows.step.rows for rows in self._inputs.values())

    def add(self, chunk: Chunk, where: str) -> None:
        new = cut(chunk, self._wanted, where)
        if not self._inputs:
            self._inputs = {name: _Rows(step) for name, step in new.steps.items()}
            self._labels = _Rows(new.label_step) if new.label_step else None
        self._refuse_change(new, where)
        for name, rows in new.rows.items():
            self._inputs[name].add(rows)
        if self._labels and new.labels is not None:
            self._labels.add(new.labels)
        self._names.extend(_names(chunk, len(new.rows[self._first])))

    def take(self, where: str) -> Sample:
        feeds = {
            p.name: prepare_rows(self._inputs[p.name].take(), p, self._wanted.preprocess, where)
            for p in self._wanted.ports
        }
        names = [self._names.popleft() for _ in range(self._inputs[self._first].step.rows)]
        return Sample(feeds, self._labels.take() if self._labels else None, names[0])

    def _refuse_change(self, new: Cut, where: str) -> None:
        labelled = self._labels.step if self._labels else None
        if (new.label_step is None) != (labelled is None):
            raise SamplesError(
                "some samples have a label and some have none",
                where=where,
                fix="label all samples or none",
            )
        if new.steps != {n: r.step for n, r in self._inputs.items()} or new.label_step != labelled:
            raise SamplesError(
                "the data changes its rank on the way",
                where=where,
                fix="give single samples or batches throughout",
            )


def _names(chunk: Chunk, rows: int) -> Iterator[str]:
    if rows == 1 and chunk.start is None:
        yield chunk.name
        return
    start = chunk.start or 0
    stem = f"{chunk.name}, " if chunk.name else ""
    yield from (f"{stem}row {row}" for row in range(start, start + rows))
