"""The agreement of every pair of forms as Markdown.

    SQNR = 10 log10( sum a^2 / sum (a - b)^2 )

of b against a, both sums over all float outputs and all samples; a is the one that is listed first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np
from quantization_contest.data import Arrays

from mcompile.measure.agreement import Tally, decibel

Figure = Callable[[Arrays, Arrays], float]
ALIKE_DB = 0.5
"""Two runtimes whose INT8 is so near to each other's distance from float are told to agree."""


def sqnr_db(wanted: Arrays, got: Arrays) -> float:
    """Decibel, at most 200; of outputs of the same names."""
    tallies = [_tally(wanted[n], got[n]) for n in wanted]
    return decibel(sum(t.signal for t in tallies), sum(t.noise for t in tallies))


def top1(wanted: Arrays, got: Arrays) -> float:
    """Percent of samples for which both choose the same class, by the first output."""
    first = next(iter(wanted))
    return _tally(wanted[first], got[first]).percent


def _tally(wanted: np.ndarray, got: np.ndarray) -> Tally:
    tally = Tally()
    tally.add(wanted, got)
    return tally


def show(found: Mapping[str, Arrays], labelled: bool) -> str:
    """SQNR of each pair, and for a classifier how often both choose the same class."""
    parts = [_table(found, "SQNR, dB", sqnr_db, 1)]
    if labelled:
        parts.append(_table(found, "same top-1, %", top1, 2))
    return "\n\n".join(parts)


def _table(found: Mapping[str, Arrays], title: str, figure: Figure, digits: int) -> str:
    names = list(found)
    lines = [f"| {title} | {' | '.join(names[1:])} |", "|---|" + "---|" * (len(names) - 1)]
    for row, name in enumerate(names[:-1]):
        cells = [f"{figure(found[name], found[n]):.{digits}f}" if k > row else ""
                 for k, n in enumerate(names) if k]  # fmt: skip
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def verdicts(models: Mapping[str, Mapping[str, Arrays]]) -> str:
    """Each pair of runtimes on each model: INT8 of both against the oracle, and one by the other.

    A runtime that lacks one of the two precisions is in no pair.
    """
    lines = ["| model | runtimes | INT8 to the oracle, dB | apart | INT8 to each other | FP32 |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    apart: list[float] = []
    for model, found in models.items():
        able = [b for n in found if (b := _backend(n)) and {f"{b} fp32", f"{b} int8"} <= {*found}]
        for one, other in combinations(dict.fromkeys(able), 2):
            pair = found[f"{one} int8"], found[f"{other} int8"]
            first, second = (sqnr_db(_reference(found), each) for each in pair)
            apart.append(abs(first - second))
            floats = sqnr_db(found[f"{one} fp32"], found[f"{other} fp32"])
            lines.append(f"| {model} | {one}, {other} | {first:.1f}, {second:.1f} | "
                         f"{apart[-1]:.2f} | {sqnr_db(*pair):.1f} | {floats:.1f} |")  # fmt: skip
    return "\n".join([*lines, "", _spread(apart)])


def _spread(apart: Sequence[float]) -> str:
    if not apart:
        return "nothing to compare: one runtime alone"
    within = sum(a <= ALIKE_DB for a in apart)
    return (f"{within} of {len(apart)} within {ALIKE_DB} dB; median {np.median(apart):.2f}, "
            f"worst {max(apart):.2f} dB")  # fmt: skip


def _reference(found: Mapping[str, Arrays]) -> Arrays:
    return next(iter(found.values()))


def _backend(name: str) -> str:
    return name.rpartition(" ")[0]
