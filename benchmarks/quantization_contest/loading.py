"""Time that OpenVINO takes to read and compile each file of one model, interleaved, on one core."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import openvino

from quantization_contest.data import table
from quantization_contest.pace import medians
from quantization_contest.runtimes import SETTINGS, fixed

_LEAST = 7
"""Undisturbed times of each file without which there is no median."""


def load(job: dict[str, Any]) -> dict[str, Any]:
    """Median milliseconds by name, of how many times; nothing is cached between two."""
    feeds = table(Path(job["evaluation"]), Path(job["model"]), 1).feeds(0)
    runs = {name: partial(_compile, Path(path), feeds) for name, path in job["paths"].items()}
    for run in runs.values():
        run()  # the first one loads the plugin
    return medians(runs, job["seconds"], _LEAST)


def _compile(path: Path, feeds: dict[str, Any]) -> openvino.CompiledModel:
    core = openvino.Core()
    return core.compile_model(fixed(core, path, feeds), "CPU", SETTINGS)
