"""Figures that were measured on the device itself, and the artifact's budgets judged by them.

`measured.json` is written where the artifact ran: by `bench/bench.sh` on a phone, by an engine kit
on a board, by anything that says the same. It is one JSON object:

    schema      1
    artifact    {sha256}: of the artifact's file that ran
    device      {name, arch, isa, system}: whose figures they are; isa as /proc/cpuinfo says
    runs        how many were timed, after those that warmed up
    latency_ms  {samples} in the order they were taken, or what is known of {min, p50, p90, p95,
                p99, max, mean}
    memory_peak_mb, power_w, temperature_c, threads, tool, command, outputs: where they are known

`memory_peak_mb` is what opening and running added, in 10^6 bytes; `outputs` names a file beside
it that holds the outputs for the first golden case, one after the other as they lie in memory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np

from mcompile.artifact import Manifest, distance, read, read_golden, verify_files
from mcompile.check import Checked
from mcompile.errors import ContractError
from mcompile.measure.latency import P99_RUNS
from mcompile.measure.machine import stated
from mcompile.profile import Budgets, Device
from mcompile.types import Array, Check, Measured, Verdict
from mcompile.validate import validate, verdict

SCHEMA = 1
_AGAIN = "measure again with the script in the artifact's folder bench"
_WANTED = {"latency_p50_ms": 50, "latency_p90_ms": 90, "latency_p99_ms": 99}
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
            marks = (0, *_WANTED.values(), 100)
            return {q: float(np.percentile(self.samples, q)) for q in marks}
        said = {0: self.min, 50: self.p50, 90: self.p90, 95: self.p95, 99: self.p99, 100: self.max}
        return {q: value for q, value in said.items() if value is not None}

    def average(self) -> float | None:
        """The mean, where it is known."""
        return float(np.mean(self.samples)) if self.samples else self.mean


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


def judge(folder: Path, recorded: Sequence[Check], path: Path) -> Checked:
    """The artifact's budgets, judged by what was measured on the device.

    `recorded` are the build's own checks: their limits hold, and their figures wherever the device
    told none. Raises `ContractError` for a damaged artifact, and for a file that is damaged, says
    too little, or is of another artifact.
    """
    manifest = read(folder)
    verify_files(folder, manifest)
    record = _read(path)
    if record.artifact.sha256 not in {file.sha256 for file in manifest.artifact.files}:
        raise ContractError(
            "the figures are of another artifact: its files have other checksums",
            where=str(path),
            fix=_AGAIN,
        )
    limits = {c.name: c.limit for c in recorded if c.name in _BUDGETS and c.limit is not None}
    soft = frozenset(c.name for c in recorded if c.name in limits and not c.hard)
    contract = manifest.artifact.contract
    machine = stated(record.device.arch, record.device.isa, record.device.name)
    new = machine.stamp(_figures(record, limits), Device(contract.arch, contract.isa))
    told = {m.name for m in new}
    old = (c.measured for c in recorded if c.measured is not None)
    known = (*new, *(m for m in old if m.name not in told))
    checks = validate(known, Budgets(**limits, soft=soft), precision=manifest.built)
    golden = _golden(folder, manifest, record, path)
    found = (*golden, *checks)
    return Checked(str(folder), manifest, found, verdict(found))


_BUDGETS = {f.name for f in fields(Budgets)} - {"soft"}


def _read(path: Path) -> Record:
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
    except OSError as error:
        raise ContractError(
            f"cannot be read: {(error.strerror or str(error)).lower()}",
            where=str(path),
            fix="--measured FILE, as the script in the artifact's folder bench writes it",
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ContractError(
            f"the measured figures are damaged: {error}", where=str(path), fix=_AGAIN
        ) from error
    wrong = _wrong(record)
    if wrong:
        raise ContractError(wrong, where=str(path), fix=_AGAIN)
    return record


def _wrong(record: Record) -> str:
    """What is the matter with a record that has the right form; empty where nothing is."""
    if record.schema != SCHEMA:
        return f"it is of schema {record.schema}, and this version reads {SCHEMA}"
    known = [value for _, value in sorted(record.latency_ms.known().items())]
    if not known:
        return "latency_ms holds neither samples nor percentiles"
    if record.latency_ms.samples and len(record.latency_ms.samples) != record.runs:
        return f"{len(record.latency_ms.samples)} samples of {record.runs} runs"
    if known != sorted(known):
        return "the percentiles of latency_ms do not grow"
    if not known[0] <= (record.latency_ms.average() or known[0]) <= known[-1]:
        return "the mean of latency_ms lies outside of its percentiles"
    return "" if record.device.name and record.device.arch else "the device has no name or arch"


def _figures(record: Record, limits: Mapping[str, float]) -> list[Measured]:
    found = [_latency(record, name, q, limits.get(name)) for name, q in _WANTED.items()]
    mean, note = record.latency_ms.average(), _note(record)
    if mean is not None:
        found.append(Measured("fps", 1e3 / mean, "1/s", note=f"one input after the other, {note}"))
    if record.memory_peak_mb is not None:
        found.append(Measured("memory_peak_mb", record.memory_peak_mb, "MB", note=note))
    if record.power_w is not None:
        found.append(Measured("power_w", record.power_w, "W", note=note))
        if mean is not None:
            found.append(Measured("energy_mj", record.power_w * mean, "mJ", note=note))
    return found


def _latency(record: Record, name: str, q: float, limit: float | None) -> Measured:
    """A percentile. Where only its neighbours are known it lies between them.

    The neighbour that decides stands for it; a limit between the two leaves it unproven.
    """
    known, note = record.latency_ms.known(), _note(record)
    if q in known:
        few = q > 90 and record.runs < P99_RUNS
        doubt = f"{record.runs} runs are too few for a {q}th percentile" if few else ""
        return Measured(name, known[q], "ms", counts=not few, doubt=doubt, note=note)
    low = max((v for p, v in known.items() if p < q), default=0.0)
    high = min((v for p, v in known.items() if p > q), default=math.inf)
    value = low if math.isinf(high) or (limit is not None and low > limit) else high
    sure = limit is None or high <= limit or low > limit
    doubt = f"the {q}th percentile was not told: it is between {low:.4g} and {high:.4g} ms"
    return Measured(
        name, value, "ms", low=low, high=high, counts=sure, doubt="" if sure else doubt,
        note=f"{note}; {doubt}",
    )  # fmt: skip


def _note(record: Record) -> str:
    heat = record.temperature_c
    told = [f"{record.runs} runs", record.tool, record.device.system]
    told.append(f"{record.threads} threads" if record.threads else "")
    told.append(f"{heat[0]:g} to {heat[-1]:g} degrees Celsius" if heat else "")
    return ", ".join(part for part in told if part)


def _golden(folder: Path, manifest: Manifest, record: Record, path: Path) -> tuple[Check, ...]:
    """Whether the device computed the first golden case; nothing where its outputs are not told."""
    if not record.outputs:
        return ()
    golden = read_golden(folder)
    place = path.parent / Path(record.outputs).name
    try:
        data = place.read_bytes()
    except OSError as error:
        gone = "the device's outputs are missing"
        raise ContractError(gone, where=str(place), fix=_AGAIN) from error
    wanted = [golden.cases[0][1][port.name] for port in manifest.artifact.outputs]
    worst = max(distance(g, w) for g, w in zip(_split(data, wanted, place), wanted, strict=True))
    row = Measured("golden_error", worst, "of the largest output", device=record.device.name)
    inside = worst <= golden.tolerance
    why = "" if inside else "the device's outputs are not those of the build"
    passed = Verdict.PASSED if inside else Verdict.FAILED
    return (Check("golden_error", golden.tolerance, row, passed, because=why),)


def _split(data: bytes, wanted: Sequence[Array], place: Path) -> list[Array]:
    """The outputs in a file that holds them one after the other."""
    needed = sum(w.nbytes for w in wanted)
    if len(data) != needed:
        raise ContractError(
            f"the device's outputs are {len(data)} bytes, and {needed} were expected",
            where=str(place),
            fix=_AGAIN,
        )
    found, begin = [], 0
    for like in wanted:
        piece = data[begin : begin + like.nbytes]
        found.append(np.frombuffer(piece, like.dtype).reshape(like.shape))
        begin += like.nbytes
    return found
