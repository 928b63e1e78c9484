"""What a stage may demand of samples before it starts to work with them."""

from __future__ import annotations

from collections.abc import Sequence

from mcompile.errors import SamplesError
from mcompile.samples.ports import conform
from mcompile.types import Port, Samples


def check(samples: Samples, inputs: Sequence[Port], minimum: int = 1) -> int:
    """The number of samples, after reading all of them once and holding each against the inputs.

    Raises `SamplesError` on the first that does not fit, and where there are fewer than `minimum`.
    """
    number = 0
    for sample in samples:
        conform(sample, inputs, samples.source)
        number += 1
    if number < minimum:
        one = "a single sample would set every range by itself; " if number == 1 else ""
        raise SamplesError(
            f"{number or 'no'} sample{'s' * (number != 1)}, and at least {minimum} are needed",
            where=samples.source,
            fix=f"{one}give some dozens that look like what the device will see",
        )
    return number


def require_labels(samples: Samples) -> None:
    """Return when the samples have labels; `SamplesError` when they have none.

    Reads one sample: a source in which only some have a label is refused while it is read.
    """
    first = next(iter(samples), None)
    if first is None or first.label is None:
        raise SamplesError(
            "the metric compares with labels, and these samples have none",
            where=samples.source,
            fix="labels in the .npz, labels.csv, sub-folders or pairs; or another metric",
        )
