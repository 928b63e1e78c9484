"""What a device tells of an artifact that ran there: `measured.json`.

It is written where the artifact ran: by `bench/bench.sh` on a phone, by an engine kit on a board,
by anything that says the same. It is one JSON object:

    schema      1
    artifact    {sha256}: of the artifact's file that ran, or that the engine was built from
    device      {name, arch, isa, system}: whose figures they are; isa as /proc/cpuinfo says, and
                sm_87 or the like of a GPU
    runs        how many were timed, after those that warmed up
    latency_ms  {samples} in the order they were taken, or what is known of {min, p50, p90, p95,
                p99, max, mean}
    engine      what TensorRT made of it: {tensorrt, compute_capability, precision, int8_layers,
                fp16_layers, fp32_layers, layers, build_s, mode, sha256, bytes}
    golden_error, golden_tolerance: the largest error of the golden outputs, as a share of the
                largest output, and what the script allowed
    determinism, stability_std: how many of ten further runs of one input gave another output, and
                the largest standard deviation of an element, as a share of the largest output
    memory_peak_mb, power_w, temperature_c, threads, tool, command, outputs: where they are known

`memory_peak_mb` is what opening and running added, in 10^6 bytes; `outputs` names a file beside
it that holds the outputs for the first golden case, one after the other as they lie in memory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np

from mcompile.errors import ContractError

SCHEMA = 1
_NEAR = 0.01
AGAIN = "measure again with the script that came with the artifact"
PERCENTILES = {"latency_p50_ms": 50, "latency_p90_ms": 90, "latency_p99_ms": 99}
_Positive = Annotated[float, msgspec.Meta(gt=0)]


@dataclass(frozen=True)
class Ran:
    """The file that ran."""

    sha256: str


@dataclass(frozen=True)
class Where:
    """The device that it ran on."""

    name: str
    arch: str
    isa: tuple[str, ...] = ()
    system: str = ""


@dataclass(frozen=True)
class Latency:
    """Times of single runs in ms, or some of their percentiles."""

    samples: tuple[_Positive, ...] = ()
    min: _Positive | None = None
    p50: _Positive | None = None
    p90: _Positive | None = None
    p95: _Positive | None = None
    p99: _Positive | None = None
    max: _Positive | None = None
    mean: _Positive | None = None

    def known(self) -> Mapping[float, float]:
        """What is known by percentile, 0 for the shortest and 100 for the longest run."""
        if self.samples:
            marks = (0, *PERCENTILES.values(), 100)
            return {q: float(np.percentile(self.samples, q)) for q in marks}
        return self.said()

    def said(self) -> Mapping[float, float]:
        """What is told by percentile, beside samples or without."""
        said = {0: self.min, 50: self.p50, 90: self.p90, 95: self.p95, 99: self.p99, 100: self.max}
        return {q: value for q, value in said.items() if value is not None}

    def average(self) -> float | None:
        """The mean, where it is known."""
        return float(np.mean(self.samples)) if self.samples else self.mean


_Count = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True)
class Engine:
    """What TensorRT built on the device, and in what its layers compute."""

    tensorrt: str
    compute_capability: str
    precision: str = ""
    int8_layers: _Count | None = None
    fp16_layers: _Count | None = None
    fp32_layers: _Count | None = None
    layers: _Count | None = None
    mode: str = ""


@dataclass(frozen=True)
class Record:
    """What `measured.json` says."""

    schema: int
    artifact: Ran
    device: Where
    runs: Annotated[int, msgspec.Meta(ge=1)]
    latency_ms: Latency
    memory_peak_mb: _Positive | None = None
    power_w: _Positive | None = None
    temperature_c: tuple[float, ...] = ()
    threads: int | None = None
    tool: str = ""
    command: str = ""
    outputs: str = ""
    engine: Engine | None = None
    golden_error: Annotated[float, msgspec.Meta(ge=0)] | None = None
    determinism: _Count | None = None
    stability_std: Annotated[float, msgspec.Meta(ge=0)] | None = None


def read_record(path: Path) -> Record:
    """What the file at `path` says. Raises `ContractError` where it is damaged or contradicts."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
    except OSError as error:
        raise ContractError(
            f"cannot be read: {(error.strerror or str(error)).lower()}",
            where=str(path),
            fix="--measured FILE, as the script that came with the artifact writes it",
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ContractError(
            f"the measured figures are damaged: {error}", where=str(path), fix=AGAIN
        ) from error
    wrong = _wrong(record)
    if wrong:
        raise ContractError(wrong, where=str(path), fix=AGAIN)
    return record


def _wrong(record: Record) -> str:
    """What is the matter with a record that has the right form; empty where nothing is."""
    if record.schema != SCHEMA:
        return f"it is of schema {record.schema}, and this version reads {SCHEMA}"
    if not record.latency_ms.known():
        return "latency_ms holds neither samples nor percentiles"
    if record.latency_ms.samples and len(record.latency_ms.samples) != record.runs:
        return f"{len(record.latency_ms.samples)} samples of {record.runs} runs"
    if not (record.device.name and record.device.arch):
        return "the device has no name or arch"
    if record.temperature_c and len(record.temperature_c) != 2:
        return "temperature_c is not [before, after]"
    return _torn(record.latency_ms)


def _torn(told: Latency) -> str:
    """What of the times contradicts the rest; empty where nothing does."""
    ends, mean = told.known(), told.mean
    known = [value for _, value in sorted(ends.items())]
    if known != sorted(known):
        return "the percentiles of latency_ms do not grow"
    if mean is not None and not ends.get(0, 0.0) <= mean <= ends.get(100, math.inf):
        return "the mean of latency_ms lies outside of its percentiles"
    return _unlike(told) if told.samples else ""


def _unlike(told: Latency) -> str:
    """What is told beside samples and is not theirs; empty where all is.

    A tool may count its percentiles in another way: one between its neighbours is as good.
    """
    mean = told.mean
    if mean is not None and not math.isclose(mean, float(np.mean(told.samples)), rel_tol=_NEAR):
        return "the mean of latency_ms is not that of its samples"
    ordered = np.sort(told.samples)
    for q, value in told.said().items():
        place = q / 100 * (len(ordered) - 1)
        low = ordered[max(0, math.floor(place) - 1)] if 0 < q < 100 else ordered[round(place)]
        high = ordered[min(len(ordered) - 1, math.ceil(place) + 1)] if 0 < q < 100 else low
        if not low * (1 - _NEAR) <= value <= high * (1 + _NEAR):
            return "the percentiles of latency_ms are not those of its samples"
    return ""
