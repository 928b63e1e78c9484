"""Judges calibration data by one pass over it, and one over the evaluation set beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mcompile.samples.amounts import amounts, worthless
from mcompile.samples.arrangement import layout, order
from mcompile.samples.contents import contents
from mcompile.samples.contrasts import scale, unlike
from mcompile.samples.finding import Finding
from mcompile.samples.preprocess import Preprocess
from mcompile.samples.survey import Survey, survey
from mcompile.types import Port, Samples


def diagnose(
    samples: Samples,
    ports: Sequence[Port],
    *,
    evaluation: Samples | None = None,
    preprocess: Preprocess | None = None,
) -> list[Finding]:
    """What is wrong with calibration data, the hard findings first; nothing where nothing is.

    Both sets are read once, in memory that does not grow with the size of the samples. What
    follows from another finding is left out. Errors of the sources pass through.
    """
    found = survey(samples, ports, preprocess)
    other = survey(evaluation, ports, preprocess) if evaluation is not None else None
    return sorted(_all(found, other), key=lambda f: not f.hard)


def _all(found: Survey, other: Survey | None) -> Iterator[Finding]:
    if nothing := [*worthless(found)]:
        yield from nothing
        return
    yield from amounts(found, other)
    for name in found.inputs:
        yield from _of_input(name, found, other)


def _of_input(name: str, found: Survey, other: Survey | None) -> Iterator[Finding]:
    mine = found.inputs[name]
    theirs = other.inputs[name] if other is not None else None
    theirs = theirs if theirs is not None and theirs.numeric else None
    if not mine.numeric:
        return
    # The first cause that is found explains the others: data of a wrong range is also unlike.
    for causes in (
        layout(mine, theirs),
        contents(name, found, other),
        scale(mine, theirs),
        order(mine, theirs),
        unlike(mine, theirs),
    ):
        if here := [*causes]:
            yield from here
            return
