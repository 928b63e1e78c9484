"""What `mcompile.build` delivers when it is asked for INT8, as a user would ask."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import mcompile
from mcompile import pipeline  # imported here so that imports are not part of the seconds
from mcompile.record import Report

Told = dict[str, Any]
_RECIPE = ("optimized", "lowered")


def make(job: dict[str, Any]) -> Told:
    """Write the INT8 model; `recipe` are the CPU seconds between optimizing and lowering."""
    assert pipeline
    out = Path(job["out"])
    with tempfile.TemporaryDirectory() as folder:
        report = mcompile.build(
            job["model"], target=job["target"], backend=job.get("backend", ""), precision="int8",
            calibration=job["calibration"], threads=1, runs=3, seconds=0.1, out=folder,
        )  # fmt: skip
        for path in Path(folder).glob("*/model.*"):
            (out.parent / path.name).write_bytes(path.read_bytes())
    return {"recipe": _recipe(report), "says": list(report.headlines), "built": report.built}


def _recipe(report: Report) -> float:
    names = [s.name for s in report.stages]
    first, last = (names.index(n) for n in _RECIPE)
    return sum(s.cpu_seconds for s in report.stages[first + 1 : last])
