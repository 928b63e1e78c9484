"""Arrays whose first axis counts samples, read side by side a few megabytes at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mcompile.samples.ports import match_names
from mcompile.samples.source import LABELS, Chunk, Wanted
from mcompile.samples.steps import label_step, same_number, step
from mcompile.types import Array

Reader = Callable[[int], Array]
"""Gives the next so many rows of an array, fewer at its end."""

_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True)
class Header:
    """What is known of an array before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]


@dataclass(frozen=True)
class Plan:
    """How many rows of each array make a sample, how many samples there are, how many at once."""

    rows: Mapping[str, int]
    number: int
    block: int


def plan(headers: Mapping[str, Header], wanted: Wanted, where: str) -> Plan:
    """How the arrays are read; `SamplesError` where they do not go together or with the model."""
    names = {p.name for p in wanted.ports}
    inputs = [name for name in headers if name != LABELS or name in names]
    match_names(inputs, wanted.ports, where)
    steps = {p.name: step(headers[p.name].shape, p, True, where) for p in wanted.ports}
    number = same_number({n: headers[n].shape[0] / s.rows for n, s in steps.items()}, where)
    rows = {name: s.rows for name, s in steps.items()}
    if LABELS in headers and LABELS not in names:
        first = steps[wanted.ports[0].name]
        length = (headers[LABELS].shape or (1,))[0]
        rows[LABELS] = label_step(length, number, first, where).rows
    size = sum(_row_bytes(headers[name]) * count for name, count in rows.items())
    return Plan(rows, int(number), max(1, _BLOCK_BYTES // max(size, 1)))


def read(readers: Mapping[str, Reader], how: Plan, wanted: Wanted, name: str) -> Iterator[Chunk]:
    """The samples in blocks of a few megabytes."""
    names = {p.name for p in wanted.ports}
    first = wanted.ports[0].name
    for start in range(0, how.number, how.block):
        count = min(how.block, how.number - start)
        found = {n: readers[n](count * rows) for n, rows in how.rows.items()}
        labels = found.pop(LABELS) if LABELS in found and LABELS not in names else None
        yield Chunk(found, labels, name, start * how.rows[first], stacked=True)


def slices(data: Array) -> Reader:
    """A reader of an array that is in memory, or mapped into it."""
    position = 0

    def following(count: int) -> Array:
        nonlocal position
        position += count
        return data[position - count : position]

    return following


def header(data: Array) -> Header:
    """What is known of an array that is there already."""
    return Header(data.shape, data.dtype)


def _row_bytes(known: Header) -> int:
    size = known.dtype.itemsize
    for side in known.shape[1:]:
        size *= side
    return size
