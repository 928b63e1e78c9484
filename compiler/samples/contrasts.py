"""Findings about data that is scaled or spread otherwise than the model will see it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mcompile.samples import spread
from mcompile.samples.finding import Finding
from mcompile.samples.mistakes import Range, declared, slip, width
from mcompile.samples.preprocess import Preprocess
from mcompile.samples.survey import Seen
from mcompile.types import Array

_GROSS, _ABSURD = 4.0, 8.0
_LOUDER, _BITS16 = 8.0, 1000.0
_BEYOND = 0.05
_FAR = 0.02
"""Bits of divergence that matter at all; beyond them the larger of chance decides."""


def scale(mine: Seen, other: Seen | None) -> Iterator[Finding]:
    """Values of another range than the evaluation set's, or than the preprocess makes."""
    if width(mine.range) == 0:
        return
    if other is not None and other.numeric and width(other.range) > 0:
        found = _against_pictures(mine, other) if mine.layout else _against_signal(mine, other)
        if found:
            yield found
            return
    if mine.layout and mine.how is not None:
        yield from _against_profile(mine, mine.how, other is not None)


def _against_pictures(mine: Seen, other: Seen) -> Finding | None:
    if len(mine.moments.mean) != len(other.moments.mean):
        return None
    # A channel alone may not reach both ends of what pictures hold.
    why = _slip(_ranges(other), _ranges(mine)) or _slip([other.range], [mine.range])
    ratio = width(mine.range) / width(other.range)
    deviations = float(mine.moments.deviation.mean() / other.moments.deviation.mean())
    absurd = min(_times(ratio), _times(deviations)) >= _ABSURD
    if not why and not absurd:
        return None
    return Finding(
        "range",
        f"the values of {mine.port.name} are of another scale than the evaluation set's",
        f"{_told(mine.range)} against {_told(other.range)}"
        + (f"; looks {why}" if why else f"; the deviation is {deviations:.3g} times theirs"),
        "prepare both sets alike, as the model was trained",
        hard=absurd or _times(ratio) >= _GROSS,
    )


def _against_signal(mine: Seen, other: Seen) -> Finding | None:
    if not mine.real:
        return None
    peaks = max(map(abs, mine.range)) / max(map(abs, other.range))
    deviations = float(mine.moments.deviation[0] / other.moments.deviation[0])
    if not np.isfinite(deviations) or (peaks > 1) != (deviations > 1):
        return None
    factor = min(_times(peaks), _times(deviations))
    if factor < _LOUDER:
        return None
    loudest = max(map(abs, mine.range))
    words = " (16-bit numbers not divided by 32768?)" if _BITS16 < loudest <= 2**15 else ""
    return Finding(
        "range",
        f"the values of {mine.port.name} are of another scale than the evaluation set's",
        f"{_told(mine.range)} against {_told(other.range)}{words}",
        "prepare both sets alike, as the model was trained",
        hard=factor >= _BITS16,
    )


def _against_profile(mine: Seen, how: Preprocess, confirmed: bool) -> Iterator[Finding]:
    wanted = [declared(how, c) for c in range(len(mine.moments.mean))]
    found = _ranges(mine)
    why = _slip(wanted, found)
    whole = min(w[0] for w in wanted), max(w[1] for w in wanted)
    times = width(mine.range) / width(whole)
    beyond = any(
        f[0] < w[0] - _BEYOND * width(w) or f[1] > w[1] + _BEYOND * width(w)
        for f, w in zip(found, wanted, strict=True)
    )
    if why or beyond:
        # An evaluation set prepared in the same way speaks for the data and against the profile.
        gross = times >= _ABSURD or (bool(why) and _times(times) >= _GROSS)
        yield Finding(
            "range",
            f"the values of {mine.port.name} are not what the preprocess makes",
            f"{_told(mine.range)}, and bytes become {_told(whole)}"
            + (f"; looks {why}" if why else "")
            + ("; the evaluation set is like the calibration data" if confirmed else ""),
            "prepare the data as the preprocess says, or give the bytes themselves",
            hard=gross and not confirmed,
        )


def unlike(mine: Seen, other: Seen | None) -> Iterator[Finding]:
    """A warning where the values are spread otherwise than chance explains."""
    if other is None or mine.largest < 2 or min(mine.units, other.units) < 2:
        return
    one, two = _quantiles(mine), _quantiles(other)
    if one.shape[1:] != two.shape[1:]:
        return
    found = spread.compare(one, two)
    if found.bits <= max(_FAR, found.by_chance):
        return
    yield Finding(
        "unlike-evaluation",
        f"{mine.port.name} is spread otherwise than in the evaluation set",
        f"{found.bits:.2f} bits apart (Jensen-Shannon), {found.by_chance:.2f} at most by chance; "
        f"mean and deviation {_moments(mine)} against {_moments(other)}",
        "draw both sets from the same source, at random",
    )


def _slip(wanted: list[Range], found: list[Range]) -> str:
    """The mistake that explains every channel, or empty."""
    names = {
        slip(w, f) if width(w) > 0 and width(f) > 0 else ""
        for w, f in zip(wanted, found, strict=True)
    }
    return names.pop() if len(names) == 1 else ""


def _ranges(seen: Seen) -> list[Range]:
    low, high = seen.moments.low, seen.moments.high
    return [(float(a), float(b)) for a, b in zip(low, high, strict=True)]


def _times(ratio: float) -> float:
    return max(ratio, 1 / ratio) if ratio > 0 else float("inf")


def _told(ends: Range) -> str:
    return f"{ends[0]:.3g} to {ends[1]:.3g}"


def _moments(seen: Seen) -> str:
    pairs = zip(seen.moments.mean, seen.moments.deviation, strict=True)
    return ", ".join(f"{m:.2g} ± {d:.2g}" for m, d in pairs)


def _quantiles(seen: Seen) -> Array:
    return np.stack([g.quantiles for g in seen.glances.items])
