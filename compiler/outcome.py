"""What a build found out: every form of the model, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mcompile.measure.accuracy import Metric
from mcompile.measure.trial import Trial
from mcompile.quantize import Ranges
from mcompile.record import Log
from mcompile.request import Request
from mcompile.types import Artifact, Precision, Program, QuantPlan, Samples


@dataclass(frozen=True)
class Form:
    """One precision of the model as the backend wrote it."""

    precision: Precision
    program: Program
    plan: QuantPlan | None
    artifact: Artifact
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """Everything a build found out; on `samples` the forms were held against the oracle."""

    request: Request
    captured: Program
    forms: Mapping[Precision, Form]
    trials: Mapping[Precision, Trial]
    samples: Samples
    metric: Metric | None
    log: Log
    ranges: Ranges
    drift: Mapping[str, float]
