"""Energy from the machine's own counters, or nothing: no counter, no figure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from mcompile.backend import Executor
from mcompile.types import Feeds, Measured

POWERCAP = Path("/sys/class/powercap")


class Meter(Protocol):
    """A counter of joules."""

    name: str

    def read(self) -> Mapping[str, float]:
        """Joules by domain, each since some moment of its own."""
        ...

    def spent(self, before: Mapping[str, float], after: Mapping[str, float]) -> float:
        """Joules between two readings."""
        ...


class Rapl:
    """The CPU packages' counters as the Linux kernel shows them.

    Top-level `package` zones only: their sub-zones are contained in them, and the memory-mapped
    twin counts the same joules again.
    """

    name = "RAPL, whole CPU packages, idle power and other processes included"

    def __init__(self, zones: Mapping[str, Path]) -> None:
        self._zones = zones
        self._wrap = {n: _microjoules(p / "max_energy_range_uj") for n, p in zones.items()}

    def read(self) -> Mapping[str, float]:
        """Joules by package."""
        return {name: _microjoules(path / "energy_uj") for name, path in self._zones.items()}

    def spent(self, before: Mapping[str, float], after: Mapping[str, float]) -> float:
        """Joules between the readings, one wrap of a counter allowed for."""
        steps = ((after[n] - before[n], self._wrap[n]) for n in before)
        return sum(step if step >= 0 else step + wrap for step, wrap in steps)


class Nvml:
    """An NVIDIA board's own counter (Volta and later)."""

    name = "NVML, whole board"

    def __init__(self, library: Any, index: int = 0) -> None:
        library.nvmlInit()
        self._library = library
        self._handle = library.nvmlDeviceGetHandleByIndex(index)

    def read(self) -> Mapping[str, float]:
        """Joules of the board since its driver was loaded."""
        millijoules = self._library.nvmlDeviceGetTotalEnergyConsumption(self._handle)
        return {"board": float(millijoules) / 1e3}

    def spent(self, before: Mapping[str, float], after: Mapping[str, float]) -> float:
        """Joules between the readings."""
        return after["board"] - before["board"]


def rapl(root: Path = POWERCAP) -> Rapl | None:
    """The CPU's counters, or None where there are none or this user may not read them."""
    zones = {}
    for path in sorted(root.glob("intel-rapl:*")):
        if path.name.count(":") != 1:
            continue
        try:
            name = (path / "name").read_text().strip()
            _microjoules(path / "energy_uj")
            _microjoules(path / "max_energy_range_uj")
        except (OSError, ValueError):
            continue
        if name.startswith("package"):
            zones[path.name] = path
    return Rapl(zones) if zones else None


def nvml() -> Nvml | None:
    """The first GPU's counter, or None where there is no GPU, library or counter."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        meter = Nvml(pynvml)
        meter.read()
    except pynvml.NVMLError:
        return None
    return meter


def energy(
    executor: Executor,
    feeds: Feeds,
    meter: Meter | None,
    *,
    seconds: float = 2.0,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> tuple[Measured, ...]:
    """`power_w` and `energy_mj` for one run, over `seconds` of runs; nothing without a meter."""
    if meter is None:
        return ()
    executor.run(feeds)
    before, begin, runs = meter.read(), clock(), 0
    while clock() - begin < seconds * 1e9:
        executor.run(feeds)
        runs += 1
    took, joules = (clock() - begin) / 1e9, meter.spent(before, meter.read())
    if runs == 0 or joules <= 0:
        return ()  # a counter that stands still (virtual machines have such) has measured nothing
    note = f"{meter.name}; {runs} runs"
    return (
        Measured("power_w", joules / took, "W", note=note),
        Measured("energy_mj", joules / runs * 1e3, "mJ", note=note),
    )


def _microjoules(path: Path) -> float:
    return int(path.read_text()) / 1e6
