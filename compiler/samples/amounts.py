"""Findings about how many samples there are, how many differ, and which classes they show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from mcompile.samples import thumbnails
from mcompile.samples.finding import Finding
from mcompile.samples.survey import Seen, Survey

_ENOUGH, _LEAST = 32, 2
_COPIES, _NEAR_COPIES = 0.05, 0.1
_DRAWS, _SEED, _SHOWN = 1000, 0, 8


def worthless(found: Survey) -> Iterator[Finding]:
    """A hard finding where nothing but zeros came, or one sample over and over."""
    if found.samples < _LEAST:
        return
    counted = [s for s in found.inputs.values() if s.numeric and s.largest > 1]
    if counted and all(s.zero == s.units for s in counted):
        yield Finding(
            "zero",
            "every sample is zero throughout",
            f"{found.samples} samples of {', '.join(s.port.name for s in counted)}, not one value "
            "but 0",
            "give real data: ranges cannot be learnt from zeros",
            hard=True,
        )
    elif found.copies == found.samples - 1:
        yield Finding(
            "duplicates",
            "all samples are the same",
            f"{found.samples} of them, bit for bit: as good as one",
            "give some dozens that look like what the device will see",
            hard=True,
        )


def amounts(found: Survey, evaluation: Survey | None) -> Iterator[Finding]:
    """Too few, the same over again, nearly the same over again, classes that never occur."""
    yield from _few(found)
    yield from _copies(found, evaluation)
    yield from _near_copies(found, evaluation)
    if evaluation is not None:
        yield from _missing(found.classes, evaluation.classes)


def _few(found: Survey) -> Iterator[Finding]:
    if found.samples < _LEAST:
        yield Finding(
            "too-few",
            f"{found.samples or 'no'} sample{'s' * (found.samples != 1)}, "
            f"and at least {_LEAST} are needed",
            "a single sample would set every range by itself",
            "give some dozens that look like what the device will see",
            hard=True,
        )
    elif found.rows < _ENOUGH:
        beyond = 1 / (found.rows + 1)
        yield Finding(
            "too-few",
            f"only {found.rows} samples to calibrate with",
            f"each end of each tensor's range will be exceeded by about {beyond:.0%} of what the "
            f"device sees; {_ENOUGH} samples bring that to 3 %",
            f"give {_ENOUGH} or more, of as many kinds as the device will see",
        )


def _copies(found: Survey, evaluation: Survey | None) -> Iterator[Finding]:
    # Of what can take few values, such as a table of flags, both sets repeat themselves.
    usual = evaluation.copies / max(evaluation.samples, 1) if evaluation is not None else 0.0
    if found.copies <= max(_COPIES, 2 * usual) * found.samples:
        return
    yield Finding(
        "duplicates",
        "samples are repeated",
        f"{found.copies} of {found.samples} are copies of an earlier one, bit for bit",
        "give different samples: copies add no information",
    )


def _near_copies(found: Survey, evaluation: Survey | None) -> Iterator[Finding]:
    share, number = _alike(found)
    usual = _alike(evaluation)[0] if evaluation is not None else 0.0
    # A camera that does not move takes such pictures, and then the evaluation set holds them too.
    if share > _NEAR_COPIES and share > 2 * usual:
        yield Finding(
            "near-duplicates",
            "samples are nearly the same",
            f"{share:.0%} of {number} differ from an earlier one in brightness, contrast or "
            "faint noise alone",
            "give samples of different scenes: these add little",
        )


def _alike(found: Survey) -> tuple[float, int]:
    """The share of samples like an earlier one, exact copies apart, and of how many."""
    fit = [s for s in found.inputs.values() if s.numeric and (s.layout or s.real)]
    if not fit:
        return 0.0, 0
    main: Seen = max(fit, key=lambda s: s.largest)
    distinct = {g.likeness.tobytes(): g.likeness for g in main.glances.items}
    if len(distinct) < _LEAST or main.largest < thumbnails.SIDE:
        return 0.0, len(distinct)
    return float(thumbnails.alike(list(distinct.values())).mean()), len(distinct)


def _missing(found: Counter[int], wanted: Counter[int]) -> Iterator[Finding]:
    absent = sorted(set(wanted) - set(found))
    if not found or not absent or len(absent) <= _by_chance(found, wanted):
        return
    named = ", ".join(map(str, absent[:_SHOWN])) + ", ..." * (len(absent) > _SHOWN)
    yield Finding(
        "missing-classes",
        f"{len(absent)} of the {len(wanted)} classes of the evaluation set are missing",
        f"class {named} among {found.total()} labels; never so many in {_DRAWS} random divisions "
        "of both sets together",
        "draw the calibration samples from all classes",
    )


def _by_chance(found: Counter[int], wanted: Counter[int]) -> int:
    """The most classes that would be missing if both sets were drawn from one."""
    both = found + wanted
    counts = np.array([*both.values()])
    rng = np.random.default_rng(_SEED)
    draws = rng.multivariate_hypergeometric(counts, found.total(), _DRAWS)
    return int(((draws == 0) & (counts > draws)).sum(1).max())
