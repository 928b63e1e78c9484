"""Whether a file is a valid model that computes the same as the untouched export.

Both run in ONNX Runtime with its optimizations off, on two seeded inputs (a batch of one, and of
two where the batch is free). Equal means: same types and shapes, NaN and infinities in the same
places, and for every output an error of at most 1e-4 of its largest value and at least 60 dB of
signal to noise. Where the model itself magnifies rounding, eight times what it makes of inputs
that are moved by their last bit is allowed as well, up to 1 % of the largest value. Integers
(indices, classes) must be the same, but for those that flip by that last bit. One tolerance for
all tools.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from zoo.sameness import shape_of

Arrays = dict[str, np.ndarray]
_LARGEST, _DECIBELS, _MAGNIFIED, _AT_MOST = 1e-4, 60.0, 8.0, 1e-2
_VARIES = 0.01
"""A comparison needs an output that moves by so much of its own size from input to input."""


def session(path: Path, optimized: bool = False) -> onnxruntime.InferenceSession:
    """ONNX Runtime on one thread, its own optimizations off unless asked for."""
    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = (
        levels.ORT_ENABLE_ALL if optimized else levels.ORT_DISABLE_ALL
    )
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def feeds(folder: Path, which: int) -> Arrays:
    """The stored inputs."""
    with np.load(folder / f"feeds{which}.npz") as stored:
        return {name: stored[name] for name in stored.files}


def refer(job: dict[str, Any]) -> dict[str, Any]:
    """Store what the untouched export gives; say why nothing can be compared with it, if so."""
    folder, variant = Path(job["folder"]), job["variant"]
    run = session(folder / f"{variant}.onnx")
    names = [o.name for o in run.get_outputs()]
    stored: Arrays = {}
    for k in range(2):
        given = feeds(folder, k)
        for label, arrays in (("want", given), ("moved", {n: _moved(a) for n, a in given.items()})):
            for name, found in zip(names, run.run(None, arrays), strict=True):
                stored[f"{label}/{k}/{name}"] = found
    np.savez(folder / f"{variant}.npz", **stored)
    other = {n: a[: feeds(folder, 0)[n].shape[0]] for n, a in feeds(folder, 1).items()}
    firsts = [stored[f"want/0/{n}"] for n in names]
    pairs = zip(names, firsts, run.run(None, other), strict=True)
    moves = {name: _moves(one, two) for name, one, two in pairs}
    finite = all(np.isfinite(a).all() for a in firsts if a.dtype.kind == "f")
    why = "" if finite else "the reference is not finite"
    if max(moves.values(), default=0.0) < _VARIES:
        why = f"vacuous: no output varies with the input by more than {max(moves.values()):.1%}"
    return {"refused": why, "moves": moves, **shape_of(folder / f"{variant}.onnx")}


def _moved(data: np.ndarray) -> np.ndarray:
    return np.nextafter(data, np.array(np.inf, data.dtype)) if data.dtype.kind == "f" else data


def _moves(one: np.ndarray, two: np.ndarray) -> float:
    if one.shape != two.shape:
        return 1.0
    size = _rms(one)
    return _rms(one.astype(np.float64) - two) / size if size else 0.0


def judge(job: dict[str, Any]) -> dict[str, Any]:
    """Valid or why not, equal or why not, the worst figures, and what the graph looks like."""
    folder, path = Path(job["folder"]), Path(job["path"])
    told: dict[str, Any] = {"valid": True, "equal": False, "why": ""}
    try:
        onnx.checker.check_model(path, full_check=True)
        run = session(path)
    except Exception as error:  # the checker's and the runtime's own classes
        return told | {"valid": False, "why": _first(error)}
    told |= shape_of(path)
    with np.load(folder / f"{job['variant']}.npz") as stored:
        wanted = {name: stored[name] for name in stored.files}
    try:
        faults, told["db"], told["largest"] = _compared(run, folder, wanted)
    except Exception as error:  # the runtime's own classes
        return told | {"why": f"does not run: {_first(error)}"}
    return told | {"equal": not faults, "why": "; ".join(faults[:3])}


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _compared(
    run: onnxruntime.InferenceSession, folder: Path, wanted: Arrays
) -> tuple[list[str], float, float]:
    names = [o.name for o in run.get_outputs()]
    expected = [key.split("/", 2)[2] for key in wanted if key.startswith("want/0/")]
    if names != expected:
        return [f"outputs {names} in place of {expected}"], 0.0, math.inf
    faults, worst_db, worst = [], math.inf, 0.0
    for k in range(2):
        for name, got in zip(names, run.run(None, feeds(folder, k)), strict=True):
            want, moved = wanted[f"want/{k}/{name}"], wanted[f"moved/{k}/{name}"]
            fault, db, largest = difference(got, want, moved)
            faults += [f"{name} of input {k}: {fault}"] if fault else []
            worst_db, worst = min(worst_db, db), max(worst, largest)
    return faults, min(worst_db, 999.0), worst


def difference(got: np.ndarray, want: np.ndarray, moved: np.ndarray) -> tuple[str, float, float]:
    """What is wrong, or nothing; the SQNR in dB and the error as a share of the largest value."""
    if (got.dtype, got.shape) != (want.dtype, want.shape):
        return f"{got.dtype}{list(got.shape)} in place of {want.dtype}{list(want.shape)}", 0.0, 1.0
    moved = moved if moved.shape == want.shape else want
    if want.dtype.kind != "f":
        wrong = int(((got != want) & (moved == want)).sum())
        return f"{wrong} of {want.size} differ" if wrong else "", math.inf, 0.0
    places = np.isfinite(want)
    if not np.array_equal(np.isfinite(got), places):
        return "NaN or infinity in other places", 0.0, math.inf
    error, noise = (a[places].astype(np.float64) - want[places] for a in (got, moved))
    largest, size = _peak(want[places]), _rms(want[places])
    found, db = _peak(error), _decibels(size, _rms(error))
    magnified = min(_MAGNIFIED * _peak(noise), _AT_MOST * largest)
    allowed = max(_LARGEST * largest + 1e-6, magnified)
    quiet = min(_DECIBELS, _decibels(size, _MAGNIFIED * _rms(noise)))
    share = found / largest if largest else found
    if found > allowed or (db < quiet and found > 1e-6):
        return f"off by {share:.2g} of the largest, {db:.0f} dB", db, share
    return "", db, share


def _peak(data: np.ndarray) -> float:
    return float(np.abs(data).max(initial=0.0))


def _rms(data: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(data.astype(np.float64))))) if data.size else 0.0


def _decibels(signal: float, noise: float) -> float:
    return 20.0 * math.log10(signal / noise) if signal and noise else math.inf
