"""How many rows of data make one sample.

An array of the input's rank holds rows along its first axis, of which one sample takes as many as
the input's first dimension says, one where it is dynamic. An array of one rank more holds whole
inputs; one of one rank less is a single row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcompile.errors import SamplesError
from mcompile.samples.ports import match_names, shape_text
from mcompile.samples.source import Chunk, Wanted
from mcompile.types import Array, Port


@dataclass(frozen=True)
class Step:
    """How many rows make a sample, and whether their axis goes (`bare`) or stays."""

    rows: int
    bare: bool = False


@dataclass(frozen=True)
class Cut:
    """The rows of a chunk by input name, and how they are cut; `number` is of samples."""

    rows: dict[str, Array]
    steps: dict[str, Step]
    number: float
    labels: Array | None = None
    label_step: Step | None = None


def step(shape: tuple[int, ...], port: Port, stacked: bool, where: str) -> Step:
    """How data of that shape is cut for the input; `SamplesError` where the rank is wrong."""
    rank = len(port.shape)
    if len(shape) == rank + 1 or (rank == len(shape) == 0 and not stacked):
        return Step(1, bare=True)
    if rank and (len(shape) == rank or (len(shape) == rank - 1 and not stacked)):
        lead = port.shape[0]
        return Step(max(lead, 1) if isinstance(lead, int) else 1)
    expected = shape_text(("N", *port.shape[1:]))
    raise SamplesError(
        f"{port.name} takes arrays of {expected}, not {shape_text(shape)}",
        where=where,
        fix="count samples along the first axis" if stacked else "give a sample or a batch at once",
    )


def cut(chunk: Chunk, wanted: Wanted, where: str) -> Cut:
    """The chunk as rows.

    Raises `SamplesError` on wrong names or ranks, and where inputs and labels differ in number.
    """
    match_names(list(chunk.arrays), wanted.ports, where)
    arrays = {p.name: chunk.arrays[p.name] for p in wanted.ports}
    steps = {p.name: step(arrays[p.name].shape, p, chunk.stacked, where) for p in wanted.ports}
    rows = {p.name: _rows(arrays[p.name], p) for p in wanted.ports}
    number = same_number({n: len(rows[n]) / steps[n].rows for n in rows}, where)
    if chunk.labels is None:
        return Cut(rows, steps, number)
    first = steps[wanted.ports[0].name]
    labels = _label_rows(chunk, round(number * first.rows), single=number == 1)
    return Cut(rows, steps, number, labels, label_step(len(labels), number, first, where))


def same_number(numbers: dict[str, float], where: str) -> float:
    """The number of samples that all inputs hold; `SamplesError` where they differ."""
    if len(set(numbers.values())) > 1:
        told = ", ".join(f"{n:g} of {name}" for name, n in numbers.items())
        raise SamplesError(
            f"the inputs differ in their number of samples: {told}",
            where=where,
            fix="give every input the same number",
        )
    return next(iter(numbers.values()))


def label_step(labels: int, number: float, first: Step, where: str) -> Step:
    """How labels are cut: one for each row of a batch, or one for each sample."""
    if labels == number * first.rows:
        return first
    if labels == number:
        return Step(1, bare=True)
    raise SamplesError(
        f"{labels} labels for {number * first.rows:g} samples",
        where=where,
        fix="give one label for each sample",
    )


def _rows(data: Array, port: Port) -> Array:
    return data[None] if data.ndim < max(len(port.shape), 1) else data


def _label_rows(chunk: Chunk, rows: int, single: bool) -> Array:
    """Labels with a first axis; the label of one sample may come as it is, of any shape."""
    labels = np.asarray(chunk.labels)
    whole = single and not chunk.stacked and len(labels.shape) > 0 and len(labels) not in (1, rows)
    return labels[None] if whole or not labels.shape else labels
