"""How much noise a file's outputs carry, and how often its first choice is right.

    noise = mean over float outputs of ( sum err^2 / sum ref^2 )        dB = -10 log10(noise)

Both sums run over all evaluation samples. The reference is the untouched float model in ONNX
Runtime with its optimizations off.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from quantization_contest.data import draw, spread, stacked, table
from quantization_contest.runtimes import RUNTIMES, in_onnxruntime

_BATCH = 20
_WORST = 1e20
"""The noise of outputs that are no numbers."""
_VARIES = 1e-3


def refer(job: dict[str, Any]) -> dict[str, Any]:
    """Store the reference's outputs and what is calibrated with; says what could prove nothing."""
    draw(Path(job["source"]), Path(job["calibration"]), job["samples"])
    model = Path(job["model"])
    samples = table(Path(job["evaluation"]), model)
    run = in_onnxruntime(model, {}, optimized=False)
    found = stacked([run(feeds) for feeds in samples.batches(_BATCH)])
    np.savez(job["reference"], *found)
    still = [k for k, a in enumerate(found) if a.std(axis=0).max() <= _VARIES * np.abs(a).max()]
    told = {"samples": len(samples), "constant": still}
    return told if samples.labels is None else told | {"top1": _right(found[0], samples.labels)}


def score(job: dict[str, Any]) -> dict[str, Any]:
    """The noise of one file's outputs, overall and by output, and its top-1 where that is known."""
    samples = table(Path(job["evaluation"]), Path(job["model"]), job["limit"])
    with np.load(job["reference"]) as held:
        wanted = [spread(held[name], job["limit"]) for name in held.files]
    run = RUNTIMES[job["runtime"]](Path(job["path"]), next(samples.batches(_BATCH)))
    found = stacked([run(feeds) for feeds in samples.batches(_BATCH)])
    pairs = zip(found, wanted, strict=True)
    noises = [noise(f, w) for f, w in pairs if w.dtype.kind == "f"]
    mean = min(_WORST, float(np.mean(noises)))
    told = {"noise": mean, "db": decibel(mean), "outputs_db": [decibel(n) for n in noises]}
    told |= {"samples": len(samples)}
    return told if samples.labels is None else told | {"top1": _right(found[0], samples.labels)}


def noise(found: np.ndarray, wanted: np.ndarray) -> float:
    """Power of the error as a share of the power of what was wanted."""
    if found.shape != wanted.shape or not np.isfinite(found).all():
        return _WORST
    ideal = wanted.astype(np.float64)
    return float(np.square(found - ideal).sum() / max(np.square(ideal).sum(), 1e-30))


def decibel(noise: float) -> float:
    """The same in dB, at most 200."""
    return 200.0 if noise <= _WORST**-1 else -10.0 * math.log10(noise)


def _right(logits: np.ndarray, labels: np.ndarray) -> float:
    return 100.0 * float((logits.argmax(axis=1) == labels).mean())
