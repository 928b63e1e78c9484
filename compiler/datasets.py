"""The data of a build: opened, held against the model, and looked at before it sets any range."""

from __future__ import annotations

from dataclasses import replace

from mcompile.errors import SamplesError
from mcompile.journal import Journal
from mcompile.measure.accuracy import Metric, find
from mcompile.options import absent
from mcompile.quantize.half import OF
from mcompile.request import CALIBRATED, Request
from mcompile.samples import open_samples, require_labels
from mcompile.samples.diagnose import diagnose
from mcompile.samples.finding import Finding, refuse
from mcompile.types import Program, Samples

Data = tuple[Samples | None, Samples | None]
"""Samples to calibrate with, and those to judge by."""


def open_data(request: Request, program: Program) -> Data:
    """Calibration and evaluation data, each where it was given and is needed."""
    given = request.options
    how, ports = request.preprocess, program.inputs
    calibration = evaluation = None
    wanted = CALIBRATED & {*request.precisions} or not absent(given.calibration)
    if wanted and {*CALIBRATED, *OF} & {*request.precisions}:
        unlabelled = how and replace(how, label_pattern="")
        calibration = open_samples(
            given.calibration, ports, preprocess=unlabelled, limit=given.samples
        )
    if not absent(given.evaluation):
        evaluation = open_samples(given.evaluation, ports, preprocess=how)
        if not absent(given.metric):
            require_labels(evaluation)
    return calibration, evaluation


def diagnosed(
    request: Request,
    program: Program,
    data: Data,
    journal: Journal,
) -> tuple[Finding, ...]:
    """What is wrong with the data that sets the ranges, held against that for evaluation.

    Nothing where no range is to be set. Raises `SamplesError` where nothing right can come of it.
    """
    calibration, evaluation = data
    if calibration is None or not CALIBRATED & {*request.precisions}:
        return ()
    with journal.stage("diagnosed") as entry:
        how, ports = request.preprocess, program.inputs
        found = diagnose(calibration, ports, evaluation=evaluation, preprocess=how)
        refuse(found, calibration.source)
        named = ", ".join(dict.fromkeys(f.name for f in found))
        entry.summary = f"calibration data: {named or 'nothing was found wrong with it'}"
    return tuple(found)


def metric_of(request: Request, evaluation: Samples | None) -> Metric | None:
    """The metric that was named; for class numbers top-1, for other labels the mean error."""
    if not absent(request.options.metric):
        return find(request.options.metric)
    first = next(iter(evaluation), None) if evaluation is not None else None
    if first is None or first.label is None:
        return None
    if first.label.dtype.kind not in "biuf":
        raise SamplesError(
            f"the labels are {first.label.dtype}, not numbers",
            where=evaluation.source if evaluation else "",
            fix="class numbers, or the numbers that the outputs should be",
        )
    return find("top1" if first.label.dtype.kind in "iu" and first.label.size == 1 else "mae")
