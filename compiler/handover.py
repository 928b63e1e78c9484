"""Puts the chosen form in place: its files, golden cases, and the manifest that tells of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import version
from itertools import islice
from math import isfinite
from pathlib import Path

from mcompile import artifact as manifest
from mcompile.frontend import digest
from mcompile.guide import Guide, labels
from mcompile.oracle import Oracle
from mcompile.outcome import Form, Outcome
from mcompile.quantize import planfile
from mcompile.record import Report
from mcompile.request import CALIBRATED, Request, name_of
from mcompile.types import Feeds

FORMS = ".forms"
"""Where every form of every runtime lies until one is handed over, inside the claimed folder."""
_NAMED = (
    "precision", "backend", "arch", "calibration", "ranges", "plan", "evaluation", "metric",
    "scenario",
)  # fmt: skip
_FLAGS = ("strict", "require_measured", "trust_code")
_GOLDEN_CASES = 3
_SLACK = 2.0
"""How many times the error seen here a golden output may be off elsewhere: kernels differ."""


def hand_over(outcome: Outcome, report: Report, folder: Path) -> None:
    """Put the report's form into `folder` with golden cases and manifest; the other forms go."""
    form = outcome.forms[report.built]
    for file in form.artifact.files:
        place = folder / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        (form.folder / file.path).replace(place)
    if form.plan is not None and form.precision in CALIBRATED:
        planfile.write(form.plan, folder, form.changed)
    cases, tolerance = _golden(outcome, form, folder)
    shutil.rmtree(folder / FORMS)
    manifest.write_golden(folder, cases, tolerance)
    request = outcome.request
    guide = guide_of(request)
    _put_kit(request.backend.kit(form.artifact, cases, request.threads, tolerance), folder)
    manifest.write(
        manifest.Manifest(
            model=report.model,
            target=report.target,
            backend=report.backend,
            requested=report.requested,
            built=report.built,
            artifact=form.artifact,
            source_sha256=digest(request.source, request.capture),
            command=_command(request),
            verdict=report.verdict,
            because=request.because,
            tolerance=tolerance,
            golden=manifest.hashed(folder, [manifest.GOLDEN])[0],
            tools={**form.artifact.tools, "mcompile": version("mcompile")},
            preprocess=guide.preprocess,
            labels=guide.labels,
        ),
        folder,
    )


def guide_of(request: Request) -> Guide:
    """What the user of the model must know, as the request says it."""
    return Guide(_preprocess(request), labels(request.options.labels))


def _put_kit(files: Mapping[str, bytes], folder: Path) -> None:
    """What measures the artifact on its device, beside it."""
    for name, data in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        if place.suffix == ".sh":
            place.chmod(0o755)


def _golden(outcome: Outcome, form: Form, folder: Path) -> tuple[list[tuple[Feeds, Feeds]], float]:
    """A few inputs with the oracle's outputs, and how far off the artifact may be."""
    oracle, worst = Oracle(outcome.captured), 0.0
    cases: list[tuple[Feeds, Feeds]] = []
    with outcome.request.backend.open(form.artifact, folder) as executor:
        for sample in islice(outcome.samples, _GOLDEN_CASES):
            wanted = oracle.run(sample.feeds)
            got = executor.run(sample.feeds)
            cases.append((sample.feeds, wanted))
            far = (manifest.distance(got[n], wanted[n]) for n in wanted)
            worst = max(worst, *(d for d in far if isfinite(d)), 0.0)
    least = outcome.request.backend.least_tolerance(form.precision)
    return cases, float(f"{max(_SLACK * worst, least):.3g}")


def _preprocess(request: Request) -> dict[str, object]:
    how = request.preprocess
    return {} if how is None else {f.name: getattr(how, f.name) for f in fields(how)}


def _command(request: Request) -> tuple[str, ...]:
    """The command that was given, whoever gave it; of a path only its name, so that it is the same
    on every machine."""
    given = request.options
    words = ["mcompile", name_of(request.source), "--target", given.target]
    for option in _NAMED:
        value = getattr(given, option)
        if isinstance(value, str) and value:
            words += [f"--{option}", Path(value).name]
    for option in ("samples", "percentile", "thorough", "threads"):
        if getattr(given, option) is not None:
            words += [f"--{option}", str(getattr(given, option))]
    if given.arch_args:
        words += ["--arch-args", json.dumps(given.arch_args, sort_keys=True)]
    if isinstance(given.preprocess, str) and given.preprocess:
        words += ["--preprocess", Path(given.preprocess).name]
    words += [f"--{o.replace('_', '-')}" for o in _FLAGS if getattr(given, o)]
    words += [w for text in given.inputs for w in ("--input", text)]
    words += [w for text in given.budgets for w in ("--budget", text)]
    words += [w for text in given.skip for w in ("--skip", text)]
    words += [w for text in given.keep_float for w in ("--keep-float", text)]
    return (*words, "--seed", str(given.seed))
