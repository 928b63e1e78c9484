"""How long one inference takes, copies to and from the GPU included, and what it draws."""

import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from mcompile.backends.tensorrt.device.machine import temperature_c
from mcompile.backends.tensorrt.device.power import Reading, Sampler


class Times(NamedTuple):
    """Times of single runs in ms in their order, the mean power in W, and how warm it was."""

    samples_ms: List[float]
    power_w: Optional[float]
    temperature_c: Tuple[float, ...]


class Course(NamedTuple):
    """How many runs warm up and how many are timed; what reads the power, and for how long."""

    warmup: int
    runs: int
    power_s: float = 0.0
    reading: Optional[Reading] = None


def time_runs(run: Any, feeds: Dict[str, Any], course: Course, root: str) -> Times:
    """Run one case again and again, each run by itself and the stream waited for.

    Power is read in a thread while the runs go on; where they end before `power_s` seconds, more
    follow that are not counted among the samples.
    """
    for _ in range(course.warmup):
        run(feeds)
    before = temperature_c(root)
    with Sampler(course.reading) as sampler:
        begin = time.perf_counter()
        samples = [_timed(run, feeds) for _ in range(course.runs)]
        while course.reading and time.perf_counter() - begin < course.power_s:
            run(feeds)
    warmth = (before, temperature_c(root))
    return Times(samples, sampler.watts(), tuple(t for t in warmth if t is not None))


def percentile(samples: List[float], share: float) -> float:
    """The percentile of the samples, between its two neighbours in proportion."""
    ordered = sorted(samples)
    place = (len(ordered) - 1) * share / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _timed(run: Any, feeds: Dict[str, Any]) -> float:
    begin = time.perf_counter()
    run(feeds)
    return (time.perf_counter() - begin) * 1e3
