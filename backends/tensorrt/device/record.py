"""What was built and measured: a note beside the engine, and `measured.json` for mcompile."""

import hashlib
import json
import os
import platform
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from mcompile.backends.tensorrt.device.builder import Built
from mcompile.backends.tensorrt.device.faults import CONTRACT, KitError
from mcompile.backends.tensorrt.device.files import sha256, write_whole
from mcompile.backends.tensorrt.device.kit import Kit
from mcompile.backends.tensorrt.device.layers import Layers
from mcompile.backends.tensorrt.device.plan import REBUILD
from mcompile.backends.tensorrt.device.steadiness import Steadiness
from mcompile.backends.tensorrt.device.timing import Times

MEASURED_SCHEMA = 1


class Run(NamedTuple):
    """What running told: its figures, and how far the golden outputs are off and may be."""

    times: Times
    layers: Optional[Layers]
    golden: Tuple[float, float]
    memory_peak_mb: Optional[float]
    steady: Steadiness


class Place(NamedTuple):
    """Where it ran: the device, its processor's features and system, and the meter of its power."""

    name: str
    isa: List[str]
    system: str
    meter: str


def note_path(engine: str) -> str:
    """The note beside an engine, on how it was built."""
    return engine + ".json"


def write_note(engine: str, kit: Kit, built: Built, more: Dict[str, Any]) -> None:
    """Keep how the engine was built; `more` holds what the builder itself does not know."""
    told = {
        "sha256": hashlib.sha256(built.plan).hexdigest(),
        "bytes": len(built.plan),
        "model_sha256": kit.sha256,
        "compute_capability": kit.compute_capability,
        "precision": kit.precision,
        "mode": built.mode,
    }
    told.update(more)
    write_whole(note_path(engine), _json(told))


def read_note(engine: str, kit: Kit) -> Dict[str, Any]:
    """The note of an engine; an error where it is missing, or of another engine or model."""
    path = note_path(engine)
    try:
        with open(path, encoding="utf-8") as file:
            told: Dict[str, Any] = json.load(file)
        same = (told["sha256"], told["model_sha256"]) == (sha256(engine), kit.sha256)
    except (OSError, KeyError, TypeError, ValueError) as error:
        fact = f"it is not known how the engine was built: {os.path.basename(path)}"
        raise KitError(CONTRACT, fact, path, REBUILD) from error
    if not same:
        raise KitError(CONTRACT, "the engine is damaged, or of another kit", engine, REBUILD)
    return told


def record(kit: Kit, note: Dict[str, Any], place: Place, run: Run) -> Dict[str, Any]:
    """The content of `measured.json`: schema 1 of mcompile, and what is known of the engine."""
    times = run.times
    told: Dict[str, Any] = {
        "schema": MEASURED_SCHEMA,
        "artifact": {"sha256": kit.sha256},
        "device": {
            "name": place.name,
            "arch": platform.machine(),
            "isa": [*place.isa, "sm_" + str(note["compute_capability"]).replace(".", "")],
            "system": place.system,
        },
        "tool": "TensorRT " + str(note["tensorrt"]) + (place.meter and f", {place.meter}"),
        "command": str(note["command"]),
        "runs": len(times.samples_ms),
        "latency_ms": {"samples": [round(value, 6) for value in times.samples_ms]},
        "golden_error": run.golden[0],
        "golden_tolerance": run.golden[1],
        "determinism": run.steady.differed,
        "stability_std": run.steady.spread,
        "engine": _engine(note, run.layers),
    }
    if run.memory_peak_mb:
        told["memory_peak_mb"] = round(run.memory_peak_mb, 3)
    if times.power_w:
        told["power_w"] = round(times.power_w, 3)
    if times.temperature_c:
        told["temperature_c"] = list(times.temperature_c)
    return told


def write_record(path: str, told: Dict[str, Any]) -> None:
    """Write `measured.json` whole or not at all."""
    write_whole(path, _json(told))


def _engine(note: Dict[str, Any], layers: Optional[Layers]) -> Dict[str, Any]:
    wanted = ("sha256", "bytes", "tensorrt", "compute_capability", "precision", "build_s")
    told = {name: note[name] for name in (*wanted, "workspace_mb", "mode", "file")}
    if layers is not None and (layers.int8 or not layers.opaque):
        told.update(
            int8_layers=layers.int8,
            fp16_layers=layers.fp16,
            fp32_layers=layers.fp32,
            layers=layers.total,
        )
    return told


def _json(told: Dict[str, Any]) -> bytes:
    return (json.dumps(told, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
