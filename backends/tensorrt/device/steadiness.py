"""Whether the same input gives the same output, run after run."""

from typing import Any, Dict, NamedTuple

from mcompile.backends.tensorrt.device.arrays import np

RUNS = 10


class Steadiness(NamedTuple):
    """How many runs differed from the first in any bit, and the largest spread of an element.

    The spread is a standard deviation, as a share of the output's largest magnitude.
    """

    differed: int
    spread: float


def steadiness(run: Any, feeds: Dict[str, Any]) -> Steadiness:
    """What ten further runs of one input show."""
    first, *others = [_copied(run(feeds)) for _ in range(RUNS)]
    differed = sum(any(made[n].tobytes() != first[n].tobytes() for n in first) for made in others)
    if not differed:
        return Steadiness(0, 0.0)
    floats = [name for name in first if first[name].dtype.kind == "f"]
    spreads = [_spread([made[name] for made in (first, *others)]) for name in floats]
    return Steadiness(differed, max(spreads) if spreads else 0.0)


def _copied(outputs: Dict[str, Any]) -> Dict[str, Any]:
    return {name: np.array(value) for name, value in outputs.items()}


def _spread(made: Any) -> float:
    values = np.stack(made).astype(np.float64)
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max()) if finite.size else 0.0
    return float(values.std(axis=0).max()) / (largest or 1.0)
