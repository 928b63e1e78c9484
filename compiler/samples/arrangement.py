"""Findings about numbers that lie in another order than the model reads them in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mcompile.samples import colors
from mcompile.samples.finding import Finding
from mcompile.samples.survey import Seen
from mcompile.types import Array

_SWAPPED, _COLD, _UPSIDE = 3.0, 5.0, 3.0


def layout(mine: Seen, other: Seen | None) -> Iterator[Finding]:
    """Channels in another place than the profile, the evaluation set or the neighbours say."""
    name, stated = mine.port.name, mine.how.layout if mine.how else None
    given, usual = mine.given - {""}, other.given - {""} if other is not None else set()
    expected = {stated} if stated else usual
    if given and expected and not given & expected:
        (have,), (want,) = sorted(given)[:1], sorted(filter(None, expected))[:1]
        turn = "(0, 3, 1, 2)" if want == "nchw" else "(0, 2, 3, 1)"
        yield Finding(
            "layout",
            f"{name} lies {have}, and {want} is expected",
            f"by {'the preprocess' if stated else 'the shapes of the evaluation set'}",
            f"array.transpose{turn}",
            hard=True,
        )
    elif mine.colored and _scrambled(mine):
        agrees = other is not None and other.colored and not _scrambled(other)
        told = mine.steps / mine.stepped
        yield Finding(
            "layout",
            f"the numbers of {name} do not lie {mine.layout}, whatever their shape says",
            f"neighbours in memory differ by {told[:3].mean():.3g}, every third by {told[3]:.3g}"
            + ("; not so in the evaluation set" if agrees else ""),
            "transpose the axes where they were reshaped",
            hard=agrees,
        )


def order(mine: Seen, other: Seen | None) -> Iterator[Finding]:
    """A warning where red and blue seem to have changed places."""
    if not mine.colored:
        return
    warm, upper = _warmth(mine)
    if other is not None and other.colored:
        theirs = _warmth(other)[0]
        far = warm.mean() - theirs.mean(), warm.mean() + theirs.mean()
        opposite = colors.surety(warm) * colors.surety(theirs) < 0
        sure = min(abs(colors.surety(warm)), abs(colors.surety(theirs))) > _SWAPPED
        if not (opposite and sure and abs(far[1]) < abs(far[0]) / 2):
            return
        evidence = (
            f"red less blue is {warm.mean():+.2g} of the contrast, "
            f"{theirs.mean():+.2g} in the evaluation set"
        )
    else:
        if colors.surety(warm) > -_COLD or colors.surety(upper) < _UPSIDE:
            return
        evidence = (
            f"blue exceeds red by {-warm.mean():.2g} of the contrast, and the upper halves are "
            "the redder ones; photographs are the other way round"
        )
    yield Finding(
        "channel-order",
        f"red and blue of {mine.port.name} seem to have changed places",
        evidence,
        "reverse the channels: OpenCV reads BGR, Pillow reads RGB",
    )


def _scrambled(seen: Seen) -> bool:
    if not seen.stepped:
        return False
    test = colors.interleaved if seen.layout == "nchw" else colors.planar
    return test(seen.steps)


def _warmth(seen: Seen) -> tuple[Array, Array]:
    warm, upper = np.array([g.warmth for g in seen.glances.items]).T
    return warm, upper
