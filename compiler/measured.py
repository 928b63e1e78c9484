"""An artifact's budgets judged by the figures that its device took of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from mcompile.artifact import Manifest, distance, read, read_golden, verify_files
from mcompile.check import Checked
from mcompile.errors import ContractError
from mcompile.measure.latency import P99_RUNS
from mcompile.measure.machine import stated
from mcompile.profile import Budgets, Device
from mcompile.protocol import AGAIN, PERCENTILES, Record, read_record
from mcompile.types import Array, Check, Measured, Precision, Provenance, Verdict
from mcompile.validate import validate, verdict


def judge(folder: Path, recorded: Sequence[Check], path: Path) -> Checked:
    """The artifact's budgets, judged by what was measured on the device.

    `recorded` are the build's own checks: their limits hold, and their figures wherever the device
    told none. Raises `ContractError` for a damaged artifact, and for a file that is damaged, says
    too little, or is of another artifact.
    """
    manifest = read(folder)
    verify_files(folder, manifest)
    record = read_record(path)
    if record.artifact.sha256 != manifest.artifact.files[0].sha256:
        raise ContractError(
            "the figures are of another artifact: its files have other checksums",
            where=str(path),
            fix=AGAIN,
        )
    limits = {c.name: c.limit for c in recorded if c.name in _BUDGETS and c.limit is not None}
    soft = frozenset(c.name for c in recorded if c.name in limits and not c.hard)
    contract = manifest.artifact.contract
    machine = stated(record.device.arch, record.device.isa, record.device.name)
    new = machine.stamp(_figures(record, limits), Device(contract.arch, contract.isa))
    told = {m.name for m in new}
    old = (_doubted(c.measured, record) for c in recorded if c.measured is not None)
    known = (*new, *(m for m in old if m.name not in told))
    checks = validate(known, Budgets(**limits, soft=soft), precision=manifest.built)
    golden = _golden(folder, manifest, record, path)
    found = (*golden, *_engine(manifest, record, path), *checks)
    return Checked(str(folder), manifest, found, verdict(found))


_BUDGETS = {f.name for f in fields(Budgets)} - {"soft"}


def _figures(record: Record, limits: Mapping[str, float]) -> list[Measured]:
    found = [_latency(record, name, q, limits.get(name)) for name, q in PERCENTILES.items()]
    mean, note = record.latency_ms.average(), _note(record)
    if mean is not None:
        found.append(Measured("fps", 1e3 / mean, "1/s", note=f"one input after the other, {note}"))
    if record.memory_peak_mb is not None:
        found.append(Measured("memory_peak_mb", record.memory_peak_mb, "MB", note=note))
    if record.determinism is not None:
        found.append(Measured("determinism", record.determinism, "runs", note=note))
    if record.stability_std is not None:
        found.append(Measured("stability_std", record.stability_std, "", note=note))
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
    """Whether the device computed the golden cases; nothing where it does not tell."""
    golden = read_golden(folder)
    if record.golden_error is not None:
        return (_near(record.golden_error, golden.tolerance, record),)
    if not record.outputs:
        return ()
    place = path.parent / Path(record.outputs).name
    try:
        data = place.read_bytes()
    except OSError as error:
        gone = "the device's outputs are missing"
        raise ContractError(gone, where=str(place), fix=AGAIN) from error
    wanted = [golden.cases[0][1][port.name] for port in manifest.artifact.outputs]
    worst = max(distance(g, w) for g, w in zip(_split(data, wanted, place), wanted, strict=True))
    return (_near(worst, golden.tolerance, record),)


def _near(worst: float, tolerance: float, record: Record) -> Check:
    row = Measured("golden_error", worst, "of the largest output", device=record.device.name)
    inside = worst <= tolerance
    why = "" if inside else "the device's outputs are not those of the build"
    passed = Verdict.PASSED if inside else Verdict.FAILED
    return Check("golden_error", tolerance, row, passed, because=why)


def _engine(manifest: Manifest, record: Record, path: Path) -> tuple[Check, ...]:
    """Whether the engine that was built on the device is one the artifact was made for.

    Raises `ContractError` for another GPU or version. One row where INT8 was built: how many layers
    are; an engine without any is a float one under another name.
    """
    engine, contract = record.engine, manifest.artifact.contract
    if engine is None and contract.runtime == "tensorrt":
        raise ContractError("it does not tell of the engine", where=str(path), fix=AGAIN)
    if engine is None:
        return ()
    if not _admits(contract.version, engine.tensorrt, path):
        raise ContractError(
            f"TensorRT {engine.tensorrt} built the engine, and {contract.version} is needed",
            where=str(path),
            fix="build for a profile of that version, or install the other on the device",
        )
    sm = f"sm_{engine.compute_capability.replace('.', '')}"
    wanted = [i for i in contract.isa if i.startswith("sm_")]
    if wanted and sm not in wanted:
        raise ContractError(
            f"the engine was built for {sm}, and the artifact is for {', '.join(wanted)}",
            where=str(path),
            fix="build for the profile of that device",
        )
    if manifest.built is not Precision.INT8:
        return ()
    if engine.int8_layers is None:
        told = "TensorRT does not tell what the engine's layers compute in"
        return (Check("int8_layers", 1.0, None, Verdict.UNPROVEN, hard=False, because=told),)
    row = Measured("int8_layers", engine.int8_layers, "layers", device=record.device.name)
    none = engine.int8_layers == 0
    why = "no layer of the engine runs in INT8: TensorRT found float faster, or fused no pair"
    passed = Verdict.FAILED if none else Verdict.PASSED
    return (Check("int8_layers", 1.0, row, passed, because=why if none else ""),)


def _doubted(found: Measured, record: Record) -> Measured:
    """A figure of the build; of no use where the engine computes in another way than was simulated.

    Without pairs TensorRT chooses by itself what it puts on integers.
    """
    implicit = record.engine is not None and record.engine.mode == "implicit"
    if not implicit or found.provenance is not Provenance.SIMULATED:
        return found
    return replace(found, counts=False, doubt="simulated with Q/DQ pairs, and built without them")


def _admits(versions: str, found: str, path: Path) -> bool:
    try:
        return SpecifierSet(versions).contains(Version(found), prereleases=True)
    except (InvalidVersion, InvalidSpecifier) as error:
        damaged = f"{found} is not a version of TensorRT, or {versions} no range of them"
        raise ContractError(damaged, where=str(path), fix=AGAIN) from error


def _split(data: bytes, wanted: Sequence[Array], place: Path) -> list[Array]:
    """The outputs in a file that holds them one after the other."""
    needed = sum(w.nbytes for w in wanted)
    if len(data) != needed:
        raise ContractError(
            f"the device's outputs are {len(data)} bytes, and {needed} were expected",
            where=str(place),
            fix=AGAIN,
        )
    found, begin = [], 0
    for like in wanted:
        piece = data[begin : begin + like.nbytes]
        found.append(np.frombuffer(piece, like.dtype).reshape(like.shape))
        begin += like.nbytes
    return found
