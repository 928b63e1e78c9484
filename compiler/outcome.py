"""What a build found out: every form of the model, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mcompile.measure.accuracy import Metric
from mcompile.measure.trial import Trial
from mcompile.quantize import Ranges
from mcompile.record import AloneRow, Log, TriedRow
from mcompile.request import Request
from mcompile.samples.finding import Finding
from mcompile.types import Artifact, Precision, Program, QuantPlan, Samples


@dataclass(frozen=True)
class Form:
    """One precision of the model as the backend wrote it.

    `tried` are the files that were measured to choose its plan, `alone` the noise of each layer.
    `changed` is how the model was changed before it was planned, '' where it was not.
    """

    precision: Precision
    program: Program
    plan: QuantPlan | None
    artifact: Artifact
    folder: Path
    tried: tuple[TriedRow, ...] = ()
    alone: tuple[AloneRow, ...] = ()
    changed: str = ""


@dataclass(frozen=True)
class Outcome:
    """Everything a build found out; on `samples` the forms were held against the oracle.

    `findings` are what is wrong with the calibration data, none of them hard.
    """

    request: Request
    captured: Program
    forms: Mapping[Precision, Form]
    trials: Mapping[Precision, Trial]
    samples: Samples
    metric: Metric | None
    log: Log
    ranges: Ranges
    drift: Mapping[str, float]
    findings: tuple[Finding, ...] = ()
