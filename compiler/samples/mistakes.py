"""Which slip in the preprocessing turns the values a model expects into those that came.

A picture's value u in 0..1 reaches a model as (u - m) / s. The range that is expected tells m and
s, and each slip takes 0..1 to a range of its own; sets of real pictures reach both ends of theirs.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcompile.samples.preprocess import Preprocess

Range = tuple[float, float]
_NEAR, _WIDER = 0.05, 1.8
_BYTES = 255.0


def declared(how: Preprocess, channel: int) -> Range:
    """What black and white become in a channel."""
    mean, std = (v[channel] if channel < len(v) else v[0] for v in (how.mean, how.std))
    ends = ((0 / how.scale - mean) / std, (_BYTES / how.scale - mean) / std)
    return min(ends), max(ends)


def slip(expected: Range, found: Range) -> str:
    """The mistake that best explains the range that was found; empty where none does.

    A range of about the expected width is never one: the pictures themselves may differ so much.
    """
    if 1 / _WIDER < width(found) / width(expected) < _WIDER:
        return ""
    return next((name for name, made in _slips(expected) if near(found, made)), "")


def width(ends: Range) -> float:
    """From end to end."""
    return ends[1] - ends[0]


def near(found: Range, made: Range) -> bool:
    """Whether both ends agree within a twentieth of the range."""
    return all(abs(f - m) <= _NEAR * width(made) for f, m in zip(found, made, strict=True))


def _slips(expected: Range) -> Iterator[tuple[str, Range]]:
    s = 1 / width(expected)
    m = -expected[0] * s

    def normal(low: float, high: float) -> Range:
        return (low - m) / s, (high - m) / s

    if near(expected, (0, _BYTES)):
        yield "divided by 255, and this model takes bytes as they are", (0, 1)
        yield "scaled to -1..1, and this model takes bytes as they are", (-1, 1)
        return
    yield "not divided by 255", (0, _BYTES)
    yield "not divided by 255 before mean and deviation", normal(0, _BYTES)
    if expected[0] < -_NEAR * width(expected):
        yield "mean and deviation forgotten: plain 0 to 1", (0, 1)
        yield "normalized twice", normal(*expected)
        yield "prepared twice", normal(expected[0] / _BYTES, expected[1] / _BYTES)
    # A darker evaluation set of such a range would be within it on both sides of zero.
    if expected[0] > -_NEAR or max(-expected[0], expected[1]) > 1 + _NEAR:
        yield "scaled to -1..1, which this model does not take", (-1, 1)
    yield "divided by 255 twice", normal(0, 1 / _BYTES)
    yield "divided by 255 once more after all else", (expected[0] / _BYTES, expected[1] / _BYTES)
