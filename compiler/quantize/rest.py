"""What an INT8 program computes beside its integers, in 16 bits where the runtime has them.

Pairs stay float32, and so does what multiplies what they give (`guards`): its products are of
integers, and a runtime takes pair and op together only where no Cast stands between them.
"""

from __future__ import annotations

from mcompile.quantize.half import count, halved
from mcompile.quantize.ranges import Ranges
from mcompile.types import Program, Samples, Scheme

_NEAR_DB = 30.0
"""What is rounded to the other integer now and then is off by that much, an INT8 net by 20."""


def rest(
    program: Program,
    scheme: Scheme,
    ranges: Ranges,
    samples: Samples,
    threads: int | None = None,
) -> tuple[Program, str]:
    """The program with its float ops in `scheme.rest`, and how many there are, in words.

    The same program where none of them pays for the Casts around it. `samples` (the first four)
    are what the result is held against the given program on.
    """
    made, _ = halved(program, scheme.rest, ranges, samples, near_db=_NEAR_DB, threads=threads)
    some, total = count(made, scheme.rest)
    return (made if some else program), f"{some} of {total} float ops in {scheme.rest}"
