"""The engine kit: what a device needs to finish the engine by itself.

`kit.json` is what `build_engine.py` reads on the device:

    name, target, precision     what was built for which device
    model, sha256, files        the graph, and the checksum of each file of the kit
    float_model, calibration    for INT8 without pairs: the graph in floats, and its table of scales
    compute_capability          of the GPU, empty where the profile names none
    tensorrt, opset             which releases may build it
    memory_mb, disk_mb, workspace_mb, memory_needed_mb    the device's, and estimates (`needs`)
    inputs, outputs, profiles   ports, and bounds of free leading sizes
    integer_layers, half_layers how many layers are to compute in INT8 and float16
    golden, tolerance           cases to compare with; how far an output may be off
    runs, warmup, dla_cores     how often it is timed, and the accelerators beside the GPU
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from packaging.specifiers import SpecifierSet

from mcompile.backends.tensorrt.needs import Needs
from mcompile.backends.tensorrt.pairs import half_layers, has_pairs, integer_layers
from mcompile.backends.tensorrt.pins import told
from mcompile.backends.tensorrt.profiles import Bounds
from mcompile.graph import opset
from mcompile.profile import Target
from mcompile.types import File, Port, Precision, Program

FOLDER = "engine-kit"
MODEL, REAL, TABLE, RANGES = "model.onnx", "model-float.onnx", "calibration.txt", "ranges.json"
SCRIPT, FACTS, GOLDEN, ENGINE = "build_engine.py", "kit.json", "golden.npz", "model.engine"
_SCHEMA = 1
_RUNS, _WARMUP = 200, 50

TOLERANCES = {
    Precision.FP32: 1e-3,
    Precision.FP16: 2e-2,
    Precision.INT8: 0.2,
}
"""Of the largest output: what holds where a build told nothing of its own. The golden file tells
its own, from what the arithmetic showed here."""

HALF_STEPS = 4 * 2.0**-11
"""Four times the rounding of a float16 near 1."""


@dataclass(frozen=True)
class Kit:
    """What was found out about a program that goes into a kit."""

    program: Program
    target: Target
    versions: SpecifierSet
    needs: Needs
    profiles: Bounds


def facts(kit: Kit, files: Sequence[File]) -> bytes:
    """`kit.json`; `files` are those of the kit, by their names in its folder."""
    device, integers = kit.target.device, integer_layers(kit.program)
    # A source that came with pairs has integers, whatever precision was asked for.
    precision = Precision.INT8 if has_pairs(kit.program) else _float(kit)
    sums = {f.path: f.sha256 for f in files}
    found: dict[str, Any] = {
        "schema": _SCHEMA,
        "name": kit.program.name,
        "target": kit.target.name,
        "precision": precision.value,
        "requested": kit.target.precision.value,
        "model": MODEL,
        "sha256": sums[MODEL],
        "files": sums,
        "float_model": REAL if REAL in sums else None,
        "calibration": TABLE if TABLE in sums else None,
        "compute_capability": device.compute_capability or "",
        "tensorrt": told(kit.versions),
        "opset": opset(kit.program),
        "memory_mb": device.memory_mb,
        "disk_mb": round(kit.needs.disk_mb, 1),
        "workspace_mb": round(kit.needs.workspace_mb, 1),
        "memory_needed_mb": round(kit.needs.memory_mb, 1),
        "inputs": [_port(p) for p in kit.program.inputs],
        "outputs": [_port(p) for p in kit.program.outputs],
        "profiles": kit.profiles,
        "integer_layers": integers,
        "half_layers": half_layers(kit.program),
        "golden": GOLDEN,
        "tolerance": TOLERANCES[precision],
        "runs": _RUNS,
        "warmup": _WARMUP,
        "dla_cores": device.dla_cores or 0,
    }
    return (json.dumps(found, indent=1) + "\n").encode()


def _float(kit: Kit) -> Precision:
    """What a kit without one layer on integers is: the device is to look for none."""
    if kit.target.precision is not Precision.INT8:
        return kit.target.precision
    return Precision.FP16 if half_layers(kit.program) else Precision.FP32


def _port(port: Port) -> dict[str, Any]:
    return {"name": port.name, "dtype": port.dtype, "shape": list(port.shape)}
