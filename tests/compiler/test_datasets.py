"""Data that can set no range ends the build, and what is doubtful in it is told in the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mcompile import cli
from mcompile.datasets import diagnosed, metric_of, open_data
from mcompile.errors import SamplesError
from mcompile.journal import Journal
from mcompile.options import Options
from mcompile.request import resolve
from mcompile.types import Array

from .conftest import QUICK, program


def photos(seed: int, number: int = 40) -> Array:
    """Blotchy pictures of 0 to 1, warm below and bluer above, 16 by 16."""
    rng = np.random.default_rng(seed)
    scene = np.kron(rng.random((number, 1, 4, 4)), np.ones((4, 4)))
    tint = np.array([0.2, 0.0, -0.2])[:, None, None] * np.linspace(0.2, 1.8, 16)[:, None]
    grain = 0.03 * rng.standard_normal((number, 3, 16, 16))
    return np.clip(0.1 + 0.8 * scene + tint + grain, 0, 1).astype(np.float32)


PHOTOS, OTHERS = photos(0), photos(1)
LEVELS = np.linspace(0.1, 1, 40, dtype=np.float32)[:, None, None, None]
AS_ROWS = np.moveaxis(PHOTOS, 1, -1).copy().reshape(PHOTOS.shape)
HARD = {
    "one over and over": (np.repeat(PHOTOS[:1], 40, 0), None, "all samples are the same"),
    "zeros": (0 * PHOTOS, None, "every sample is zero throughout"),
    "blank": (LEVELS * np.ones_like(PHOTOS), None, "x is of one value in every sample"),
    "a single one": (PHOTOS[:1], None, "1 sample, and at least 2 are needed"),
    "not a number": (np.nan * PHOTOS, None, "x holds NaN"),
    "empty": (PHOTOS[:0], None, "there are no samples"),
    "bytes": (255 * PHOTOS, OTHERS, "looks not divided by 255"),
    "reshaped": (AS_ROWS, OTHERS, "do not lie nchw, whatever their shape says"),
}
BACK = PHOTOS[:, ::-1].copy()
SOFT = {
    "few": (PHOTOS[:8], None, "only 8 samples to calibrate with"),
    "copies": (np.concatenate([PHOTOS, PHOTOS[:10]]), None, "10 of 50 are copies"),
    "blue for red": (BACK, OTHERS, "red and blue of x seem to have changed places"),
    "other light": (0.2 * PHOTOS, OTHERS, "x is spread otherwise than in the evaluation set"),
}


def words(folder: Path, calibration: Array, evaluation: Array | None) -> list[str]:
    """An INT8 build of the net in the folder, with that data."""
    np.savez(folder / "these.npz", x=calibration)
    given = ["net.onnx", "--target", "cpu-server", "--precision", "int8",
             "--calibration", "these.npz", *QUICK]  # fmt: skip
    if evaluation is not None:
        np.savez(folder / "those.npz", x=evaluation)
        given += ["--evaluation", "those.npz"]
    return given


@pytest.mark.parametrize("kind", HARD)
def test_worthless_data_ends_the_build_in_three_lines(data, monkeypatch, capsys, kind) -> None:
    monkeypatch.chdir(data)
    calibration, evaluation, what = HARD[kind]
    assert cli.run(words(data, calibration, evaluation)) == 4
    out, err = capsys.readouterr()
    assert out == ""
    first, second, third = err.rstrip("\n").split("\n")
    assert first.startswith("error: ")
    assert what in first
    assert second.startswith("  in   these.npz")
    assert third.startswith("  try  ")
    assert not (data / "out").exists()


@pytest.mark.parametrize("kind", SOFT)
def test_doubtful_data_is_told_with_figures_and_advice(data, monkeypatch, kind) -> None:
    monkeypatch.chdir(data)
    calibration, evaluation, what = SOFT[kind]
    np.savez("these.npz", x=calibration)
    request = asked(evaluation)
    journal = Journal()
    [found] = diagnosed(request, program(), open_data(request, program()), journal)
    assert what in str(found)
    assert found.evidence
    assert found.fix
    assert not found.hard
    assert journal.stages[0].summary == f"calibration data: {found.name}"


def asked(evaluation: Array | None = None, **more):
    """The request of an INT8 build on `these.npz`."""
    options = {"target": "cpu-server", "precision": "int8", "calibration": "these.npz", **more}
    return resolve("net.onnx", Options(evaluation=evaluation, **options))


def test_missing_classes_are_told(data, monkeypatch) -> None:
    monkeypatch.chdir(data)
    np.savez("these.npz", x=PHOTOS, labels=np.arange(40) % 5)
    np.savez("those.npz", x=OTHERS, labels=np.arange(40) % 10)
    request = asked("those.npz")
    [found] = diagnosed(request, program(), open_data(request, program()), Journal())
    assert found.what == "5 of the 10 classes of the evaluation set are missing"
    assert "class 5, 6, 7, 8, 9" in found.evidence


def test_findings_are_warnings_of_the_integer_build_alone(data, monkeypatch) -> None:
    monkeypatch.chdir(data)
    given = words(data, PHOTOS[:8], OTHERS)
    assert cli.run([*given, "-q"]) == 0
    report = json.loads((data / "out" / "net-cpu-server-int8" / "report.json").read_text())
    told = [w for w in report["warnings"] if w.startswith("calibration data: ")]
    assert len(told) == 1
    assert "only 8 samples" in told[0]
    assert told[0].endswith("give 32 or more, of as many kinds as the device will see")


def test_good_data_has_no_findings_and_floats_need_none(data, monkeypatch) -> None:
    monkeypatch.chdir(data)
    np.savez("these.npz", x=PHOTOS)
    for request, names in ((asked(OTHERS), ["diagnosed"]), (asked(precision="fp16"), [])):
        journal = Journal()
        assert diagnosed(request, program(), open_data(request, program()), journal) == ()
        assert [s.name for s in journal.stages] == names


def test_the_metric_follows_from_the_labels(data, monkeypatch) -> None:
    monkeypatch.chdir(data)
    np.savez("these.npz", x=PHOTOS)
    kinds = {"top1": np.arange(40) % 10, "mae": np.linspace(0, 1, 400).reshape(40, 10)}
    for name, labels in kinds.items():
        np.savez("those.npz", x=OTHERS, labels=labels)
        request = asked("those.npz")
        found = metric_of(request, open_data(request, program())[1])
        assert found is not None
        assert found.name == name
    assert metric_of(request, None) is None


def test_labels_are_demanded_where_a_metric_was_named(data, monkeypatch) -> None:
    monkeypatch.chdir(data)
    np.savez("these.npz", x=PHOTOS)
    with pytest.raises(SamplesError, match="these samples have none"):
        open_data(asked("these.npz", metric="top1"), program())
