"""What `mcompile.build` delivers for LiteRT, and what its lowering alone took."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quantization_contest.data import table

import mcompile
from litert_contest.cost import spent
from mcompile import pipeline  # imported here so that imports are not part of the seconds
from mcompile.backends.litert import Litert
from mcompile.backends.litert.lowering import lowerings
from mcompile.frontend import capture
from mcompile.optimizer import optimize
from mcompile.quantize import insert, observe, plan
from mcompile.rules import Phase
from mcompile.types import Sample, Samples

_TARGET = """title = "the machine of the benchmark, as a phone's runtime sees it"
extends = "phone"

[device]
arch = "x86_64"
isa = []
"""


def make(job: dict[str, Any]) -> dict[str, Any]:
    """The file of that precision; the costs are those of lowering what was chosen.

    On random weights INT8 is by the plain plan: a search that trades speed for accuracy would go
    by noise there.
    """
    lowerings()  # so are those of the ops
    with tempfile.TemporaryDirectory() as folder, _noted(job["precision"]) as costs:
        profile = Path(folder) / "desk.toml"
        profile.write_text(_TARGET)
        make = _built if job["trained"] or job["precision"] != "int8" else _planned
        made, told = make(job, profile)
        Path(job["out"]).write_bytes(made)
    return costs | told


def _built(job: dict[str, Any], profile: Path) -> tuple[bytes, dict[str, Any]]:
    """What a build delivers."""
    assert pipeline
    out = profile.parent / "out"
    samples = {"calibration": job["calibration"]} if job["precision"] == "int8" else {}
    report = mcompile.build(
        job["model"], target=str(profile), backend="litert", precision=job["precision"],
        threads=1, runs=3, seconds=0.1, out=str(out), **samples,
    )  # fmt: skip
    spent = sum(s.cpu_seconds for s in report.stages)
    told = {"build": spent, "says": list(report.headlines)}
    return next(out.rglob("model.tflite")).read_bytes(), told


def _planned(job: dict[str, Any], profile: Path) -> tuple[bytes, dict[str, Any]]:
    """The first plan that a build would make, lowered as it is."""
    target, backend = mcompile.load_target(str(profile)), Litert()
    scheme = backend.scheme_on(target)
    source = capture(job["model"])
    phases = [p for p in Phase if p is not Phase.SPELL]
    program, _ = optimize(source, runtime=backend.name, phases=phases)
    rows = table(Path(job["calibration"]), Path(job["model"]))
    samples = Samples("calibration", lambda: (Sample(f) for f in rows.each()), len(rows))
    found = plan(program, observe(program, samples, 1), scheme)
    artifact = backend.lower(insert(program, found, scheme), target, profile.parent)
    return (profile.parent / artifact.files[0].path).read_bytes(), {}


@contextmanager
def _noted(precision: str) -> Iterator[dict[str, Any]]:
    """What the last lowering to it took: the earlier ones were of files that were tried."""
    costs: dict[str, Any] = {}
    lower = Litert.lower

    def counted(self: Litert, program: Any, target: Any, out: Path) -> Any:
        with spent() as told:
            made = lower(self, program, target, out)
        if target.precision.value == precision:
            costs.update(told)
        return made

    Litert.lower = counted  # type: ignore[method-assign]
    try:
        yield costs
    finally:
        Litert.lower = lower  # type: ignore[method-assign]
