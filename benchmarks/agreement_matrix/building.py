"""One model built for each runtime, from one calibration, and what each build computes.

Builds are `mcompile.build`'s, artifacts are opened as `mcompile check` opens them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from quantization_contest.data import Arrays, Table, stacked

import mcompile
from mcompile import registry, targets
from mcompile.backend import Executor
from mcompile.errors import BackendMissing, CompileError
from mcompile.frontend import CaptureOptions, capture
from mcompile.oracle import Oracle
from mcompile.types import Artifact, Feeds

ORACLE = "oracle"
_BATCH = 20


@dataclass(frozen=True)
class Source:
    """A network, what it is calibrated with, and how many samples of that are taken."""

    model: Path
    calibration: Path
    samples: int


@dataclass(frozen=True)
class Form:
    """A runtime and a precision, and the profile that names the runtime.

    `plan_of` is the runtime whose plan is taken over, which is built before; its own if empty.
    """

    backend: str
    precision: str
    target: str
    plan_of: str = ""

    @property
    def name(self) -> str:
        """What it is called in the matrix."""
        return f"{self.backend} {self.precision}"


def runtimes(profile: str) -> tuple[dict[str, str], dict[str, str]]:
    """The profile that each installed backend is built for, and why others are left out.

    That is the one given where it names the runtime, else the first that has it as its own.
    """
    found, missing = {}, {}
    first = mcompile.load_target(profile)
    for name, backend in registry.backends().items():
        if isinstance(backend, BackendMissing):
            missing[name] = backend.what
        elif name in (first.backend, *first.others):
            found[name] = profile
        else:
            others = (n for n in targets.names() if targets.load(n).backend == name)
            found[name] = next(others, profile)
    return found, missing


def build(source: Source, form: Form, work: Path) -> tuple[Artifact, Path]:
    """The artifact and its folder; all forms of one `work` share a calibration."""
    plan = next((work / form.plan_of).glob("*-int8/plan.json"), "") if form.plan_of else ""
    report = mcompile.build(
        source.model, target=form.target, backend=form.backend, precision=form.precision,
        calibration=source.calibration, samples=source.samples, ranges=str(work / "ranges"),
        plan=str(plan), threads=1, runs=3, seconds=0.1, out=str(work / form.backend),
    )  # fmt: skip
    if report.built.value != form.precision or report.artifact is None:
        raise CompileError(f"{form.name} was built as {report.built.value}", where=form.target)
    return report.artifact, Path(report.folder)


def reference(source: Source, samples: Table) -> Arrays:
    """The outputs of the captured model, run as its nodes are written."""
    oracle = Oracle(capture(source.model, CaptureOptions()), threads=1)
    return _outputs(oracle.run(feeds) for feeds in samples.batches(_BATCH))


def outputs(built: tuple[Artifact, Path], samples: Table) -> Arrays:
    """The outputs of an artifact by name, the samples first."""
    artifact, folder = built
    with registry.backend(artifact.backend).open(artifact, folder, 1) as executor:
        return _outputs(map(partial(_run, executor), samples.batches(_BATCH)))


def _run(executor: Executor, feeds: Arrays) -> Feeds:
    return executor.run({name: np.ascontiguousarray(a) for name, a in feeds.items()})


def _outputs(found: Iterator[Feeds]) -> Arrays:
    parts = list(found)
    arrays = stacked([list(p.values()) for p in parts])
    return dict(zip(parts[0], arrays, strict=True))
