"""Lays out one trained network, with its data, by name."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from trained import bench

_ROOMS = ("vision", "sound", "fashion", "sized")


def lay(job: dict[str, Any]) -> dict[str, Any]:
    """Says where it comes from, or that what it needs is not installed."""
    for room in _ROOMS:
        for trained in importlib.import_module(f"trained.{room}").networks():
            if trained.name == job["name"]:
                laid = bench.lay(trained, Path(job["folder"]))
                return {"licence": trained.licence, "labelled": laid.labelled}
    return {"error": "its program or data set is not installed: see benchmarks/trained"}
