"""Findings about single inputs: nothing in them, the same throughout, cut off at an end."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mcompile.samples.finding import Finding
from mcompile.samples.survey import Seen, Survey
from mcompile.types import Array

_CONSTANT, _CLIPPED_PICTURE, _CLIPPED_SIGNAL, _BLOWN = 0.05, 0.1, 0.02, 0.6
_FEWEST, _SILENT, _SURE = 2, 0.5, 4.0


def contents(name: str, found: Survey, evaluation: Survey | None) -> Iterator[Finding]:
    """All zero, one integer throughout, constant samples, values cut off at an end."""
    mine = found.inputs[name]
    other = evaluation.inputs[name] if evaluation is not None else None
    if not mine.numeric or mine.largest < 2:
        return
    if mine.zero == mine.units and mine.real:
        yield from _zero(mine, other)
    elif not mine.real and not mine.layout:
        yield from _single(mine, other, found)
    else:
        # One vector beside a picture, the same in every sample, is a setting and not a blank.
        setting = _flags(mine) or (not mine.layout and mine.range[0] == mine.range[1])
        if not (other is None and setting and _varied(mine, found)):
            yield from _constant(mine, other, hard=bool(mine.layout) and not _varied(mine, found))
        yield from _clipped(mine, other)


def _zero(mine: Seen, other: Seen | None) -> Iterator[Finding]:
    if other is not None and other.zero == other.units:
        return
    yield Finding(
        "zero",
        f"{mine.port.name} is zero in every sample",
        f"all {mine.units} of them" + (", and not so in the evaluation set" if other else ""),
        "give the values that the device will hold there; of a state, also those of later steps",
    )


def _single(mine: Seen, other: Seen | None, found: Survey) -> Iterator[Finding]:
    low, high = mine.range
    if low != high or (other is not None and other.range == (low, high)):
        return
    if other is None and _flags(mine) and _varied(mine, found):
        return
    yield Finding(
        "single-value",
        f"{mine.port.name} holds one value throughout",
        f"{low:g} in all of {mine.units} samples"
        + (f"; {other.range[0]:g} to {other.range[1]:g} in the evaluation set" if other else ""),
        "give real inputs, such as the tokens of real text",
    )


def _flags(mine: Seen) -> bool:
    """Whether it is 1 throughout or 0 throughout, as a mask or token types are beside words."""
    return mine.range in ((0.0, 0.0), (1.0, 1.0))


def _varied(mine: Seen, found: Survey) -> bool:
    """Whether another input holds more than one value, and more than one number a sample."""
    others = (s for s in found.inputs.values() if s is not mine and s.numeric and s.largest > 1)
    return any(s.range[0] != s.range[1] for s in others)


def _constant(mine: Seen, other: Seen | None, *, hard: bool) -> Iterator[Finding]:
    blank, usual = _blank(mine), _blank(other) / max(other.units, 1) if other is not None else 0.0
    if blank < _FEWEST or blank <= max(_CONSTANT, 2 * usual) * mine.units:
        return
    every = blank == mine.units
    yield Finding(
        "constant",
        f"{mine.port.name} is of one value in {'every sample' * every or 'some samples'}",
        f"{blank} of {mine.units}"
        + (f", {_blank(other)} of {other.units} in the evaluation set" if other else ""),
        "remove blank samples: they show the model nothing",
        hard=every and hard,
    )


def _blank(seen: Seen) -> int:
    """The number of constant samples; states begin at zero and sounds with silence."""
    usual_zero = not seen.layout and seen.zero <= _SILENT * seen.units
    return seen.constant - seen.zero * usual_zero


def _clipped(mine: Seen, other: Seen | None) -> Iterator[Finding]:
    ends = _shares(mine)
    if other is None or not other.numeric:
        told = ends.mean(1)
        if not mine.colored or told.min() < _CLIPPED_PICTURE or told.sum() < _BLOWN:
            return
        evidence = f"{told[0]:.0%} of the values are the lowest and {told[1]:.0%} the highest"
    else:
        least = _CLIPPED_PICTURE if mine.layout else _CLIPPED_SIGNAL
        both = zip(("lowest", "highest"), ends, _shares(other), strict=True)
        worse = [(n, a, b) for n, a, b in both if a.mean() - b.mean() > least and _sure(a, b)]
        if not worse:
            return
        evidence = "; ".join(
            f"{a.mean():.0%} of the values are the {n}, {b.mean():.0%} in the evaluation set"
            for n, a, b in worse
        )
    yield Finding(
        "saturated",
        f"{mine.port.name} is cut off at an end of its range",
        evidence,
        "check exposure, gain and any clipping before the samples were saved",
    )


def _shares(seen: Seen) -> Array:
    """The share of values at the lowest and at the highest of the set, for each unit."""
    values = np.stack([g.quantiles for g in seen.glances.items])
    low, high = (v.astype(np.float32)[:, None] for v in (seen.moments.low, seen.moments.high))
    if seen.moments.low.max() == seen.moments.high.min():
        return np.zeros((2, len(values)))
    return np.stack([(values <= low).mean((1, 2)), (values >= high).mean((1, 2))])


def _sure(one: Array, other: Array) -> bool:
    """Whether the means differ by more than four standard errors (Welch's t)."""
    errors = [float(np.var(v)) / len(v) for v in (one, other)]
    return bool(one.mean() - other.mean() > _SURE * np.sqrt(sum(errors)))
