"""Equal programs that integers may suit better, to be planned, written and measured.

What helps one net harms another, and no forecast tells them apart: on trained nets the best of
these gained up to 3 dB over the plain program, and most lost something. They come in the order of
what they cost and how often they won, each made only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mcompile.graph import name_of
from mcompile.quantize.equalize import Scaled, equalize, level
from mcompile.quantize.ranges import Ranges
from mcompile.quantize.smooth import smooth
from mcompile.quantize.tune import tuned
from mcompile.types import Changed, Feeds, Program, Scheme

ALPHAS, FEW = (0.5, 0.75, 0.85, 1.0), (0.5, 0.85)
EXPONENTS = (0.5, 0.75)


@dataclass(frozen=True)
class Variant:
    """An equal program with its ranges; how it was `changed` is told with the result.

    `added` is the number of ops that it has more.
    """

    changed: Changed
    program: Program
    ranges: Ranges
    added: int = 0

    @property
    def how(self) -> str:
        """How it came about, in words."""
        return self.changed.how


def transformed(
    source: Program,
    ranges: Ranges,
    scheme: Scheme,
    feeds: Sequence[Feeds],
    *,
    threads: int | None = None,
    every: bool = True,
) -> Iterator[Variant]:
    """The variants worth measuring, cheapest first.

    `feeds` are calibration samples, several dozen at best: what is scaled is observed on them.
    Without `every`, those that rarely gain anything are left out: leveled and equalized channels,
    and two alphas of four.
    """
    given = (source, ranges, scheme, feeds)
    yield from _told("channels tuned", tuned(*given, threads=threads), source, ranges, scheme)
    for exponent in EXPONENTS if every else ():
        made = level(*given, exponent=exponent, threads=threads)
        yield from _told(f"channels leveled at {exponent}", made, source, ranges, scheme)
    for inserting in (False, True):
        for alpha in ALPHAS if every else FEW:
            made = smooth(*given, alpha=alpha, inserting=inserting, threads=threads)
            found = _told(f"smoothed at alpha {alpha}", made, source, ranges, scheme)
            yield from (v for v in found if bool(v.added) is inserting)
        if every and not inserting:
            made = equalize(*given, threads=threads)
            yield from _told("weights equalized", made, source, ranges, scheme)


def _told(
    how: str, made: Scaled | None, source: Program, ranges: Ranges, scheme: Scheme
) -> Iterator[Variant]:
    if made is None:
        return
    program, found, steps = made
    layers = [n for n in program.graph.graph if n.op_type in scheme.weighted and not n.domain]
    read = {name_of(n.inputs[0]) for n in layers}
    count = sum(n in found and found[n] is not ranges.get(n) for n in read)
    added = len(list(program.graph.graph)) - len(list(source.graph.graph))
    words = f"{how}: {count} inputs" if count != 1 else f"{how}: 1 input"
    words += f", {added} Muls more" if added > 1 else ", 1 Mul more" if added else ""
    yield Variant(Changed(words, steps), program, found, added)
